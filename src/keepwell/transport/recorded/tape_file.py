"""The JSON form of a tape: one document, or a folder with `node.json` and raw files under `root/`.

    {"format": "keepwell-node/1", "name": "gpu01",
     "files": {"/etc/hosts": "127.0.0.1 localhost\\n",
               "/proc/4711/environ": {"unreadable": {"kind": "NotPermitted"}},
               "/dev/gpu0": {"kind": "character", "device": "195:0", "mode": "0666"}},
     "commands": [{"argv": ["uname", "-r"], "stdout": "6.8.0-45-generic\\n"}],
     "http": [{"method": "GET", "url": "http://127.0.0.1:11434/api/version", "body": "{\\"version\\": \\"0.9.3\\"}"}],
     "spaces": {"/": {"total_bytes": 100, "free_bytes": 50, "inodes": 10, "inodes_free": 5}},
     "connections": [{"host": "127.0.0.1", "port": 22}]}

Bytes are text, a list of lines (joined by newlines), or {"base64": "..."} where they are not UTF-8.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from keepwell.core.errors import ConfigurationError
from keepwell.transport.base import FileKind, Ran, Reply, Space
from keepwell.transport.recorded.tape import Exchange, Piece, Refusal, Tape, TapeFile, plain_headers
from keepwell.transport.recorded.tape_schema import (
    Base64Form,
    CommandForm,
    ConnectionForm,
    Content,
    DocumentForm,
    ExchangeForm,
    FileForm,
    PieceForm,
    RefusalForm,
    SpaceForm,
)

FORMAT = "keepwell-node/1"
#: Permission bits of an entry that names none; 0644 for every kind that is not here.
MODES: dict[FileKind, int] = {"directory": 0o755, "link": 0o777}
MODE = 0o644

T = TypeVar("T")
U = TypeVar("U")


def load_tape(path: Path) -> Tape:
    """The tape in a JSON file or a folder; ConfigurationError with the place of what does not fit."""
    document = path
    if path.is_dir():
        document = path / "node.json"
    try:
        tape = parse_tape(document.read_bytes())
        if path.is_dir():
            return _with_root(tape, path / "root")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"not a recorded node: {error}", where=str(document)) from error
    return tape


def save_tape(tape: Tape, path: Path) -> None:
    """Write the JSON document, readable by its owner alone: a recording may hold anything."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(render_tape(tape))


def parse_tape(text: bytes) -> Tape:
    """The tape of a JSON document; ValueError says what does not fit and where."""
    form = msgspec.json.decode(text, type=DocumentForm)
    if form.format != FORMAT:
        raise ValueError(f"format is {form.format!r}, expected {FORMAT!r}")
    return Tape(
        name=form.name,
        python=form.python,
        recorded_at=form.recorded_at,
        files={path: _file_of(one) for path, one in form.files.items()},
        commands={tuple(one.argv): _ran_of(one) for one in form.commands},
        exchanges=tuple(_exchange_of(one) for one in form.http),
        spaces={path: _space_of(one) for path, one in form.spaces.items()},
        connections={(one.host, one.port): _maybe(_refusal_of, one.error) for one in form.connections},
    )


def render_tape(tape: Tape) -> bytes:
    """The JSON document of a tape, indented, in a stable order."""
    form = DocumentForm(
        format=FORMAT,
        name=tape.name,
        python=tape.python,
        recorded_at=tape.recorded_at,
        files={path: _file_form(one) for path, one in sorted(tape.files.items())},
        commands=[_command_form(argv, one) for argv, one in tape.commands.items()],
        http=[_exchange_form(one) for one in tape.exchanges],
        spaces={path: _space_form(one) for path, one in sorted(tape.spaces.items())},
        connections=[
            ConnectionForm(host=host, port=port, error=_maybe(_refusal_form, one))
            for (host, port), one in tape.connections.items()
        ],
    )
    return msgspec.json.format(msgspec.json.encode(form), indent=1) + b"\n"


def _with_root(tape: Tape, root: Path) -> Tape:
    """The tape with the contents of the raw files; what `node.json` says of a path beside its content stays."""
    files = dict(tape.files)
    for path in sorted(root.rglob("*")):
        name = "/" + path.relative_to(root).as_posix()
        old = files.get(name, TapeFile())
        if path.is_symlink():
            files[name] = replace(old, kind="link", target=os.readlink(path), mode=MODES["link"])
        elif path.is_file():
            files[name] = replace(old, pieces=((0, path.read_bytes()),))
        elif path.is_dir() and name not in files:
            files[name] = TapeFile(kind="directory", mode=MODES["directory"])
    return replace(tape, files=files)


def _maybe(convert: Callable[[T], U], value: T | None) -> U | None:
    if value is None:
        return None
    return convert(value)


def _bytes_of(content: Content) -> bytes:
    if isinstance(content, Base64Form):
        return base64.b64decode(content.base64, validate=True)
    if isinstance(content, list):
        content = "\n".join(content)
    return content.encode("utf-8")


def _content(value: bytes) -> Content:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return Base64Form(base64=base64.b64encode(value).decode("ascii"))
    if "\n" in text[:-1]:
        return text.split("\n")
    return text


def _refusal_of(form: RefusalForm) -> Refusal:
    return Refusal(kind=form.kind, what=form.what, where=form.where, command=form.command)


def _refusal_form(value: Refusal) -> RefusalForm:
    return RefusalForm(kind=value.kind, what=value.what, where=value.where, command=value.command)


def _file_of(form: str | list[str] | FileForm) -> TapeFile:
    if not isinstance(form, FileForm):
        return TapeFile(pieces=((0, _bytes_of(form)),))
    pieces: list[Piece] = [(one.offset, _bytes_of(one.content)) for one in form.pieces]
    if form.content is not None:
        pieces.append((0, _bytes_of(form.content)))
    return TapeFile(
        kind=form.kind,
        pieces=tuple(sorted(pieces)),
        names=_maybe(tuple, form.names),
        mode=_mode_of(form),
        uid=form.uid,
        gid=form.gid,
        modified_at=form.modified_at,
        size_bytes=form.size_bytes,
        inode=form.inode,
        allocated_bytes=form.allocated_bytes,
        device=form.device,
        target=form.target,
        leads_to=_maybe(_file_of, form.leads_to),
        refused=_maybe(_refusal_of, form.error),
        unreadable=_maybe(_refusal_of, form.unreadable),
    )


def _mode_of(form: FileForm) -> int:
    if form.mode:
        return int(form.mode, 8)
    return MODES.get(form.kind, MODE)


def _file_form(value: TapeFile) -> FileForm:
    form = FileForm(
        kind=value.kind,
        names=_maybe(list, value.names),
        uid=value.uid,
        gid=value.gid,
        modified_at=value.modified_at,
        size_bytes=value.size_bytes,
        inode=value.inode,
        allocated_bytes=value.allocated_bytes,
        device=value.device,
        target=value.target,
        leads_to=_maybe(_file_form, value.leads_to),
        error=_maybe(_refusal_form, value.refused),
        unreadable=_maybe(_refusal_form, value.unreadable),
    )
    if value.mode != MODES.get(value.kind, MODE):
        form.mode = f"{value.mode:04o}"
    if len(value.pieces) == 1 and value.pieces[0][0] == 0:
        form.content = _content(value.pieces[0][1])
    else:
        form.pieces = [PieceForm(offset=at, content=_content(part)) for at, part in value.pieces]
    return form


def _ran_of(form: CommandForm) -> Ran | Refusal:
    if form.error is not None:
        return _refusal_of(form.error)
    return Ran(
        argv=tuple(form.argv),
        code=form.code,
        stdout=_bytes_of(form.stdout),
        stderr=_bytes_of(form.stderr),
        seconds=form.seconds,
    )


def _command_form(argv: tuple[str, ...], value: Ran | Refusal) -> CommandForm:
    if isinstance(value, Refusal):
        return CommandForm(argv=list(argv), error=_refusal_form(value))
    return CommandForm(
        argv=list(argv),
        code=value.code,
        stdout=_content(value.stdout),
        stderr=_content(value.stderr),
        seconds=value.seconds,
    )


def _exchange_of(form: ExchangeForm) -> Exchange:
    answer: Reply | Refusal = Reply(
        status=form.status, headers=form.headers, body=_bytes_of(form.body), seconds=form.seconds
    )
    if form.error is not None:
        answer = _refusal_of(form.error)
    body = _bytes_of(form.request_body)
    return Exchange(
        method=form.method, url=form.url, headers=plain_headers(form.request_headers), body=body, answer=answer
    )


def _exchange_form(value: Exchange) -> ExchangeForm:
    form = ExchangeForm(method=value.method, url=value.url, request_headers=dict(value.headers))
    form.request_body = _content(value.body)
    if isinstance(value.answer, Refusal):
        form.error = _refusal_form(value.answer)
        return form
    form.status = value.answer.status
    form.headers = dict(value.answer.headers)
    form.body = _content(value.answer.body)
    form.seconds = value.answer.seconds
    return form


def _space_of(form: SpaceForm) -> Space | Refusal:
    if form.error is not None:
        return _refusal_of(form.error)
    return Space(
        total_bytes=form.total_bytes,
        free_bytes=form.free_bytes,
        inodes=form.inodes,
        inodes_free=form.inodes_free,
        read_only=form.read_only,
    )


def _space_form(value: Space | Refusal) -> SpaceForm:
    if isinstance(value, Refusal):
        return SpaceForm(error=_refusal_form(value))
    return SpaceForm(
        total_bytes=value.total_bytes,
        free_bytes=value.free_bytes,
        inodes=value.inodes,
        inodes_free=value.inodes_free,
        read_only=value.read_only,
    )
