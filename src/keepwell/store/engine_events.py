"""What engines told of themselves as it happened: evictions, deaths, loads that came out otherwise than before.

One JSON file a node, `engine-events/NODE.json` in the state folder, for its owner alone. Losing one costs the memory of
these events; a damaged one reads as empty. One process writes: the hub.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import msgspec

from keepwell.core.event import Event
from keepwell.store.folder import read_private, replace_private

FOLDER_NAME = "engine-events"
SCHEMA = "keepwell-engine-events/1"
#: Events that are kept of each node, the newest, and for how long.
EVENTS, AGE_SECONDS = 500, 30 * 86_400.0
#: Bytes of a file: 500 events have some 200 KB.
FILE_BYTES = 4 * 1024 * 1024
#: Characters of a file's name; file systems allow 255 bytes.
NAME_CHARACTERS = 200


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    events: tuple[Event, ...]


def keep_events(folder: Path, node: str, events: Iterable[Event], now: float) -> None:
    """Add events to those of a node; one that is there already is not doubled. AccessError if it cannot be written."""
    young = [one for one in load_events(folder, node) if now - one.at <= AGE_SECONDS]
    kept = sorted(dict.fromkeys([*young, *events]), key=_instant)[-EVENTS:]
    replace_private(_path(folder, node), msgspec.json.encode(_Document(SCHEMA, tuple(kept))) + b"\n")


def load_events(folder: Path, node: str) -> tuple[Event, ...]:
    """Those of a node, oldest first; none where the file is not there or damaged."""
    try:
        document = msgspec.json.decode(read_private(_path(folder, node), FILE_BYTES), type=_Document)
    except (FileNotFoundError, ValueError, RecursionError):
        return ()
    if document.schema != SCHEMA:
        return ()
    return document.events


def _instant(one: Event) -> float:
    return one.at


def _path(folder: Path, node: str) -> Path:
    """A name that no node's label can lead out of its folder."""
    return folder / FOLDER_NAME / f"{quote(node, safe='')[:NAME_CHARACTERS]}.json"
