"""Portraits: what each node had of the things that wishes are about, at every look, to hold now against then.

One JSON file a node, `portraits/NODE.json` in the state folder, for its owner alone; secrets are masked before they
come here. A look that found what the one before it found only moves that one's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

import msgspec

from keepwell.core.errors import DamagedError
from keepwell.store.folder import read_private, replace_private

FOLDER_NAME = "portraits"
SCHEMA = "keepwell-portraits/1"
#: Different portraits that are kept of a node, the newest; the oldest go first.
PORTRAITS = 200
#: Bytes of a file; above this the oldest portraits go, however few are left.
FILE_BYTES = 4 * 1024 * 1024
#: Seconds by which a portrait's end may be too early: an unchanged look within them is not written down again.
QUIET_SECONDS = 600.0
#: Characters of a file's name; file systems allow 255 bytes.
NAME_CHARACTERS = 200

Things: TypeAlias = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a node had from `since` to `until` at least, seconds since the epoch: by thing, then by key."""

    since: float
    until: float
    things: Things


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    portraits: tuple[Kept, ...]


def keep_portrait(folder: Path, node: str, things: Things, now: float) -> None:
    """Keep what a node has now; AccessError if it cannot be written. A damaged file is begun anew."""
    try:
        kept = list(load_portraits(folder, node))
    except DamagedError:
        kept = []
    last = next(reversed(kept), None)
    if last is not None and last.things == things and last.since <= now:
        if now - last.until < QUIET_SECONDS:
            return
        kept[-1] = Kept(since=last.since, until=now, things=things)
    else:
        kept.append(Kept(since=now, until=now, things=things))
    replace_private(_path(folder, node), _render(kept))


def load_portraits(folder: Path, node: str) -> tuple[Kept, ...]:
    """All that are kept of a node, oldest first; () where none is. DamagedError where the file is not to be used."""
    path = _path(folder, node)
    try:
        return parse_portraits(read_private(path, FILE_BYTES))
    except FileNotFoundError:
        return ()
    except ValueError as error:
        raise DamagedError(str(error), where=str(path), hint="move the file away") from error


def find_portrait(kept: tuple[Kept, ...], at: float) -> Kept | None:
    """The newest that was seen at this time or before it; None where the first is later."""
    return next((one for one in reversed(kept) if one.since <= at), None)


def parse_portraits(content: bytes) -> tuple[Kept, ...]:
    """The portraits in these bytes; ValueError says what does not fit."""
    try:
        document = msgspec.json.decode(content, type=_Document)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return document.portraits


def _render(kept: list[Kept]) -> bytes:
    """The newest that find room; one that is too large for the file alone leaves it empty."""
    chosen = kept[-PORTRAITS:]
    while True:
        content = msgspec.json.encode(_Document(schema=SCHEMA, portraits=tuple(chosen))) + b"\n"
        if len(content) <= FILE_BYTES or not chosen:
            return content
        chosen = chosen[max(1, len(chosen) // 4) :]


def _path(folder: Path, node: str) -> Path:
    """A name that no node's label can lead out of its folder."""
    return folder / FOLDER_NAME / f"{quote(node, safe='')[:NAME_CHARACTERS]}.json"
