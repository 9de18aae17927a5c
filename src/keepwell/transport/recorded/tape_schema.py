"""The shape of a tape's JSON document, checked key by key when one is read."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from keepwell.transport.base import FileKind


class Base64Form(msgspec.Struct, forbid_unknown_fields=True):
    """Bytes that are not UTF-8."""

    base64: str


Content: TypeAlias = str | list[str] | Base64Form


class Form(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One object of the document; a misspelt key is an error."""


class RefusalForm(Form):
    """`keepwell.transport.recorded.tape.Refusal`."""

    kind: str
    what: str = "recorded refusal"
    where: str = ""
    command: str = ""


class PieceForm(Form):
    """A stretch of a file that was not read from its start."""

    offset: int
    content: Content


class FileForm(Form):
    """`keepwell.transport.recorded.tape.TapeFile`; `content` is short for one piece at 0, `mode` is octal text."""

    kind: FileKind = "file"
    content: Content | None = None
    pieces: list[PieceForm] = []
    names: list[str] | None = None
    mode: str = ""
    uid: int = 0
    gid: int = 0
    modified_at: float = 0.0
    size_bytes: int = -1
    inode: int = 0
    allocated_bytes: int = -1
    device: str = ""
    target: str = ""
    leads_to: FileForm | None = None
    error: RefusalForm | None = None
    unreadable: RefusalForm | None = None


class CommandForm(Form):
    """A command and what it gave."""

    argv: list[str]
    code: int = 0
    stdout: Content = ""
    stderr: Content = ""
    seconds: float = 0.0
    error: RefusalForm | None = None


class ExchangeForm(Form):
    """`keepwell.transport.recorded.tape.Exchange`."""

    method: str
    url: str
    request_headers: dict[str, str] = {}
    request_body: Content = ""
    status: int = 200
    headers: dict[str, str] = {}
    body: Content = ""
    seconds: float = 0.0
    error: RefusalForm | None = None


class SpaceForm(Form):
    """`keepwell.transport.base.Space`."""

    total_bytes: int = 0
    free_bytes: int = 0
    inodes: int = 0
    inodes_free: int = 0
    read_only: bool = False
    error: RefusalForm | None = None


class ConnectionForm(Form):
    """A port, and why it could not be reached."""

    host: str
    port: int
    error: RefusalForm | None = None


class DocumentForm(Form):
    """The whole document."""

    format: str
    name: str
    python: str = ""
    recorded_at: float = 0.0
    files: dict[str, str | list[str] | FileForm] = {}
    commands: list[CommandForm] = []
    http: list[ExchangeForm] = []
    spaces: dict[str, SpaceForm] = {}
    connections: list[ConnectionForm] = []
