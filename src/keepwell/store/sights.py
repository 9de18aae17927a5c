"""Sights: what stood on each node when it was last looked at, and the changes that were seen since.

One JSON file a node, `sights/NODE.json` in the state folder, for its owner alone, with secrets masked: many nodes are
looked at at once. Losing one costs the changes that only two looks can show; a damaged one reads as empty with
the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import msgspec

from keepwell.core.event import Event
from keepwell.store.folder import read_private, replace_private

FOLDER_NAME = "sights"
SCHEMA = "keepwell-sights/1"
#: Changes that are kept of each node, the newest, and for how long.
CHANGES, AGE_SECONDS = 500, 180 * 86_400.0
#: Bytes of a file; a node with a hundred settings files takes about half a megabyte.
SIGHTS_BYTES = 16 * 1024 * 1024
#: Characters of a file's name; file systems allow 255 bytes.
NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One thing as it stood: a digest, a version or a setting (secrets masked), its date if it has one, its lines."""

    value: str
    modified_at: float = 0.0
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What stood at `at`, seconds since the epoch: things by scope ("files", "versions", ...) and name.

    A scope that is not there was not looked at, or could not be.
    """

    at: float
    scopes: Mapping[str, Mapping[str, Known]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """One node: how it stood last, None where no look was kept, and the changes seen between looks, oldest first.

    `problem` says why nothing is known, or is "".
    """

    last: Sight | None = None
    changes: tuple[Event, ...] = ()
    problem: str = ""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    last: Sight
    changes: tuple[Event, ...]


def keep_sight(sights: Sights, sight: Sight, changes: Iterable[Event]) -> Sights:
    """The sights with this one as the last, and the changes added; pure. What is too old is dropped.

    A scope that was not looked at this time stays as it was.
    """
    kept = tuple(one for one in sights.changes if sight.at - one.at <= AGE_SECONDS)
    scopes: dict[str, Mapping[str, Known]] = {}
    if sights.last is not None:
        scopes |= sights.last.scopes
    last = Sight(at=sight.at, scopes=scopes | dict(sight.scopes))
    return Sights(last=last, changes=(*kept, *changes)[-CHANGES:])


def load_sights(folder: Path, node: str) -> Sights:
    """What is remembered of a node; empty with the reason if the file cannot be read or is damaged."""
    path = _path(folder, node)
    try:
        content = read_private(path, SIGHTS_BYTES)
    except FileNotFoundError:
        return Sights(problem="no look was kept before")
    except ValueError as error:
        return Sights(problem=str(error))
    try:
        return parse_sights(content)
    except ValueError as error:
        return Sights(problem=f"{path} is damaged and not used: {error}")


def save_sights(folder: Path, node: str, sights: Sights) -> None:
    """Replace the node's file atomically, mode 0600; AccessError if it cannot be written."""
    replace_private(_path(folder, node), render_sights(sights))


def parse_sights(content: bytes) -> Sights:
    """The sights in these bytes; ValueError says what does not fit."""
    try:
        document = msgspec.json.decode(content, type=_Document)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return Sights(last=document.last, changes=document.changes)


def render_sights(sights: Sights) -> bytes:
    """The bytes of sights that hold a look; `parse_sights` is the inverse. ValueError where they hold none."""
    if sights.last is None:
        raise ValueError("no look to keep")
    return msgspec.json.encode(_Document(schema=SCHEMA, last=sights.last, changes=sights.changes)) + b"\n"


def _path(folder: Path, node: str) -> Path:
    """A name that no node's label can lead out of its folder."""
    return folder / FOLDER_NAME / f"{quote(node, safe='')[:NAME_CHARACTERS]}.json"
