"""What the hub worked out of series the last time, so that a look at a node knows it too.

One JSON file in the state folder, for its owner alone; it is made anew within the hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from keepwell.core.observation import Missing, Observation, Value
from keepwell.core.ref import Ref
from keepwell.store.folder import read_private, replace_private

FILE_NAME = "trends.json"
SCHEMA = "keepwell-trends/1"
#: Bytes of the file; a row takes some 300, a node has some dozens.
TRENDS_BYTES = 16 * 1024 * 1024
#: Seconds after which they are of a hub that no longer runs, and tell nothing of now.
AGE_SECONDS = 2 * 3600.0


class _Row(msgspec.Struct):
    subject: str
    name: str
    at: float
    source: str
    value: list[dict[str, str | bool | int | float | list[str]]]


class _Document(msgspec.Struct):
    schema: str
    trends: list[_Row]


def load_trends(folder: Path, node: str, now: float) -> tuple[Observation, ...]:
    """The observations about this node that are not too old; () where there are none that can be read."""
    try:
        found = parse_trends(read_private(folder / FILE_NAME, TRENDS_BYTES))
    except (FileNotFoundError, ValueError):
        return ()
    return tuple(one for one in found if one.subject.node == node and now - one.at <= AGE_SECONDS)


def save_trends(folder: Path, observations: Iterable[Observation]) -> None:
    """Replace the file atomically, mode 0600; AccessError if it cannot be written."""
    replace_private(folder / FILE_NAME, render_trends(observations))


def parse_trends(content: bytes) -> tuple[Observation, ...]:
    """The observations in these bytes; ValueError says what does not fit."""
    document = msgspec.json.decode(content, type=_Document)
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return tuple(
        Observation(
            subject=Ref.parse(one.subject),
            name=one.name,
            value=tuple(_frozen(row) for row in one.value),
            at=one.at,
            source=one.source,
        )
        for one in document.trends
    )


def render_trends(observations: Iterable[Observation]) -> bytes:
    """The bytes; `parse_trends` is the inverse. What is Missing is left out."""
    rows = [
        {"subject": str(one.subject), "name": one.name, "at": one.at, "source": one.source, "value": one.value}
        for one in observations
        if not isinstance(one.value, Missing)
    ]
    return msgspec.json.encode({"schema": SCHEMA, "trends": rows}) + b"\n"


def _frozen(row: dict[str, str | bool | int | float | list[str]]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in row.items():
        if isinstance(value, list):
            found[name] = tuple(value)
        else:
            found[name] = value
    return found
