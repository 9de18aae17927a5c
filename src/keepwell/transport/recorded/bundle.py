"""Bundle: a recorded node in one file (`.kwb`), opened without trust and played as a transport.

A compressed tar (see `archive`) of `manifest.json`, `node.json` (the tape), `texts.json` and `texts/*` (its
large texts), `masked.json` (what was masked where), `expected.json` (the engines that were expected),
`findings.json` and `diagnosis.json` (what keepwell made of it on the spot). The manifest holds size and SHA-256
of every other member.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.core.clock import Clock
from keepwell.core.errors import (
    AccessError,
    ConfigurationError,
    DamagedError,
    NotPermitted,
    NotThere,
    RefusedError,
    TooLarge,
)
from keepwell.core.ref import Ref
from keepwell.core.text import escape_controls
from keepwell.transport.base import Transport
from keepwell.transport.recorded.archive import ARCHIVE_BYTES, pack, unpack
from keepwell.transport.recorded.bundle_texts import Parted, TextForm, join_texts, part_texts, texts_in
from keepwell.transport.recorded.player import Player
from keepwell.transport.recorded.tape import Tape
from keepwell.transport.recorded.tape_file import parse_tape, render_tape

FORMAT = "keepwell-bundle"
#: The newest form that this release reads and the one that it writes.
VERSION = 1
MANIFEST = "manifest.json"
#: Seconds since the epoch that no recording is later than: the year 4147.
LATEST = 2.0**36


class MemberForm(msgspec.Struct, omit_defaults=True):
    """Size in bytes and SHA-256 of a member, in hexadecimal digits."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, kw_only=True):
    """What a bundle says of itself. Unknown fields of the same version are ignored.

    `recorded_at` is in seconds since the epoch; `since_seconds` and `origins` are what the survey was
    asked with, so that it can be made again, `purposes` what was looked at beside a diagnosis; `masked`
    counts by kind, `used` is the highest number of a token by kind, so that a second redaction goes on
    from there.
    """

    format: str
    version: int
    keepwell: str
    node: str
    recorded_at: float
    level: int
    seconds: float = 0.0
    since_seconds: float = 0.0
    origins: list[str] = []
    masked: dict[str, int] = {}
    used: dict[str, int] = {}
    names_masked: bool = False
    purposes: list[str] = []
    members: dict[str, MemberForm] = {}


class _Head(msgspec.Struct):
    format: str
    version: int


class StillClock:
    """A `Clock` that stands at the instant of a recording."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        """Seconds since the epoch, UTC: always the same."""
        return self._now

    def monotonic(self) -> float:
        """Always zero: no time passes in a recording."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened bundle. `transport` plays the node, `clock` stands at the instant of the recording."""

    path: Path
    manifest: Manifest
    tape: Tape
    transport: Transport
    clock: Clock
    members: Mapping[str, bytes]


def open_bundle(path: Path) -> Bundle:
    """The bundle in a file; everything is checked before anything is used, and nothing is written anywhere.

    Raises NotThere, NotPermitted, TooLarge, DamagedError (cut, changed, no bundle) or RefusedError (a newer
    form, or something in it that keepwell never writes).
    """
    return parse_bundle(_read(path), path)


def parse_bundle(archive: bytes, path: Path) -> Bundle:
    """As `open_bundle`, from its bytes; `path` is only named in errors."""
    where = str(path)
    members = unpack(archive, where)
    if MANIFEST not in members:
        raise DamagedError("the bundle has no manifest", where=where, hint="collect it again")
    try:
        manifest = _parse_manifest(members[MANIFEST], where)
        _check_digests(manifest, members, where)
        parted = Parted(
            tape=parse_tape(members["node.json"]),
            texts={name: members[name] for name in texts_in(members)},
            index=tuple(msgspec.json.decode(members.get("texts.json", b"[]"), type=list[TextForm])),
        )
        tape = join_texts(parted)
        Ref("node", (tape.name,))
    except KeyError as error:
        raise DamagedError(f"the bundle has no {error.args[0]}", where=where, hint="collect it again") from error
    except (ValueError, RecursionError, OverflowError) as error:
        said = escape_controls(str(error)[:300])
        raise DamagedError(f"the bundle cannot be read: {said}", where=where) from error
    clock = StillClock(manifest.recorded_at)
    return Bundle(path=path, manifest=manifest, tape=tape, transport=Player(tape), clock=clock, members=members)


def render_bundle(manifest: Manifest, tape: Tape, papers: Mapping[str, bytes]) -> bytes:
    """The bytes of a bundle; `papers` are further members by name. `manifest.members` is made here."""
    parted = part_texts(tape)
    members = {
        "node.json": render_tape(parted.tape),
        "texts.json": msgspec.json.encode(parted.index),
        **papers,
        **parted.texts,
    }
    manifest.members = {
        name: MemberForm(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in members.items()
    }
    head = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    return pack({MANIFEST: head, **members})


def save_bundle(archive: bytes, path: Path) -> None:
    """Write a bundle atomically, readable by its owner alone.

    Raises RefusedError where something lies that is no `.kwb` file, AccessError when it cannot be written.
    """
    if os.path.lexists(path) and (path.suffix != ".kwb" or path.is_symlink() or not path.is_file()):
        raise RefusedError("something else lies there already", where=str(path), hint="choose another name with --out")
    beside = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(archive)
                file.flush()
                os.fsync(descriptor)
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise AccessError(f"the bundle cannot be written: {error.strerror}", where=str(path)) from error


def _parse_manifest(text: bytes, where: str) -> Manifest:
    head = msgspec.json.decode(text, type=_Head)
    if head.format != FORMAT:
        raise DamagedError(f"not a bundle of keepwell but {head.format[:40]!r}", where=where)
    if head.version > VERSION:
        raise RefusedError(
            f"the bundle has form {head.version}, this keepwell reads up to {VERSION}",
            where=where,
            hint="update keepwell to the release that wrote it, or a newer one",
        )
    manifest = msgspec.json.decode(text, type=Manifest)
    if (
        not 0 <= manifest.recorded_at < LATEST
        or not 0 <= manifest.since_seconds < LATEST
        or not 1 <= manifest.level <= 4
    ):
        raise DamagedError("the manifest tells an impossible time or level", where=where)
    return manifest


def _check_digests(manifest: Manifest, members: Mapping[str, bytes], where: str) -> None:
    if set(members) - {MANIFEST} != set(manifest.members):
        odd = sorted((set(members) - {MANIFEST}) ^ set(manifest.members))
        raise DamagedError(f"members and manifest differ: {escape_controls(', '.join(odd)[:200])}", where=where)
    for name, about in manifest.members.items():
        content = members[name]
        if len(content) != about.bytes or hashlib.sha256(content).hexdigest() != about.sha256:
            raise DamagedError(f"{name} was changed after the bundle was made", where=where)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigurationError("not a regular file", where=str(path))
            content = file.read(ARCHIVE_BYTES + 1)
    except FileNotFoundError as error:
        raise NotThere("there is no such file", where=str(path), hint="make one: keepwell collect") from error
    except PermissionError as error:
        raise NotPermitted("this user may not read it", where=str(path)) from error
    except OSError as error:
        raise AccessError(f"it cannot be read: {error.strerror}", where=str(path)) from error
    if len(content) > ARCHIVE_BYTES:
        raise TooLarge(f"a bundle has at most {ARCHIVE_BYTES} bytes", where=str(path))
    return content
