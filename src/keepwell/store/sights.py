"""Sights: what stood on each node when it was last looked at, and the changes that were seen since.

One JSON file, `sights.json` in the state folder, for its owner alone, with secrets masked. Losing it costs the
changes that only two looks can show; a damaged file reads as empty with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.event import Event
from keepwell.store.folder import make_private_folder, state_error, write_private

FILE_NAME = "sights.json"
SCHEMA = "keepwell-sights/1"
#: Changes that are kept of each node, the newest, and for how long.
CHANGES, AGE_SECONDS = 500, 180 * 86_400.0
#: Nodes that are kept, the last ones looked at.
NODES = 64
#: Bytes of the file; a node with a hundred settings files takes about half a megabyte.
SIGHTS_BYTES = 32 * 1024 * 1024


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
class NodeSights:
    """One node: how it stood last, and the changes seen between looks, oldest first."""

    last: Sight
    changes: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """All nodes by name. `problem` says why there are none, or is ""."""

    nodes: Mapping[str, NodeSights] = field(default_factory=dict)
    problem: str = ""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    nodes: dict[str, NodeSights]


def keep_sight(sights: Sights, node: str, sight: Sight, changes: Iterable[Event]) -> Sights:
    """The sights with this one as the node's last, and the changes added; pure. What is too old is dropped.

    A scope that was not looked at this time stays as it was.
    """
    old = sights.nodes.get(node)
    kept: tuple[Event, ...] = ()
    scopes: dict[str, Mapping[str, Known]] = {}
    if old is not None:
        kept = tuple(one for one in old.changes if sight.at - one.at <= AGE_SECONDS)
        scopes |= old.last.scopes
    last = Sight(at=sight.at, scopes=scopes | dict(sight.scopes))
    made = {**sights.nodes, node: NodeSights(last=last, changes=(*kept, *changes)[-CHANGES:])}
    newest = sorted(made.items(), key=_looked_at, reverse=True)[:NODES]
    return Sights(nodes=dict(sorted(newest)))


def load_sights(folder: Path) -> Sights:
    """What is remembered; empty with the reason if the file cannot be read or is damaged."""
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            content = file.read(SIGHTS_BYTES + 1)
    except FileNotFoundError:
        return Sights(problem="no look was kept before")
    except OSError as error:
        return Sights(problem=f"{path} cannot be read: {error.strerror}")
    if len(content) > SIGHTS_BYTES:
        return Sights(problem=f"{path} holds more than {SIGHTS_BYTES} bytes and is not used")
    try:
        return parse_sights(content)
    except ValueError as error:
        return Sights(problem=f"{path} is damaged and not used: {error}")


def save_sights(folder: Path, sights: Sights) -> None:
    """Replace the file atomically, mode 0600; AccessError if it cannot be written."""
    make_private_folder(folder)
    path = folder / FILE_NAME
    try:
        write_private(path, render_sights(sights))
    except OSError as error:
        raise state_error(error, path) from error


def parse_sights(content: bytes) -> Sights:
    """The sights in these bytes; ValueError says what does not fit."""
    try:
        document = msgspec.json.decode(content, type=_Document)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return Sights(nodes=document.nodes)


def render_sights(sights: Sights) -> bytes:
    """The bytes of the sights; `parse_sights` is the inverse."""
    return msgspec.json.encode(_Document(schema=SCHEMA, nodes=dict(sights.nodes))) + b"\n"


def _looked_at(pair: tuple[str, NodeSights]) -> float:
    return pair[1].last.at
