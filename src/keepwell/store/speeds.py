"""Speeds: what was measured of each engine and model, run by run, so that a later run can be compared.

One JSON file, `speeds.json` in the state folder, for its owner alone. Losing it costs nothing but the comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

import msgspec

from keepwell.core.observation import Value
from keepwell.store.folder import read_private, replace_private

FILE_NAME = "speeds.json"
SCHEMA = "keepwell-speeds/1"
#: Runs that are kept of one engine and model, the newest, and of all.
RUNS, ALL_RUNS = 50, 2000
#: Bytes of the file; a run takes about 1 KB.
SPEEDS_BYTES = 8 * 1024 * 1024
#: Nesting of a measurement; it has three levels.
DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSpeed:
    """One measurement: when (seconds since the epoch), of which engine (its Ref as text) and model, and its rows as
    in engine.speed.
    """

    at: float
    engine: str
    model: str
    speed: Mapping[str, Value]

    @property
    def id(self) -> str:
        """What a person names it by: its second in hexadecimal; two engines measured in one second share it."""
        return f"{int(self.at):x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """All that are kept, oldest first. `problem` says why there are none, or is ""."""

    kept: tuple[KeptSpeed, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    at: float
    engine: str
    model: str
    speed: dict[str, object] = field(default_factory=dict)


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    runs: tuple[_Row, ...]


def add_speeds(speeds: Speeds, new: Iterable[KeptSpeed]) -> Speeds:
    """The speeds with these beside them; pure. The oldest are dropped beyond the limits."""
    rows = sorted((*speeds.kept, *new), key=attrgetter("at"))
    counts: dict[tuple[str, str], int] = {}
    kept: list[KeptSpeed] = []
    for one in reversed(rows):
        key = one.engine, one.model
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= RUNS and len(kept) < ALL_RUNS:
            kept.append(one)
    return Speeds(kept=tuple(reversed(kept)))


def load_speeds(folder: Path) -> Speeds:
    """What is kept; empty with the reason if the file cannot be read or is damaged."""
    path = folder / FILE_NAME
    try:
        content = read_private(path, SPEEDS_BYTES)
    except FileNotFoundError:
        return Speeds(problem="no speed was measured before")
    except ValueError as error:
        return Speeds(problem=str(error))
    try:
        return parse_speeds(content)
    except ValueError as error:
        return Speeds(problem=f"{path} is damaged and not used: {error}")


def save_speeds(folder: Path, speeds: Speeds) -> None:
    """Replace the file atomically, mode 0600; AccessError if it cannot be written."""
    replace_private(folder / FILE_NAME, render_speeds(speeds))


def parse_speeds(content: bytes) -> Speeds:
    """The speeds in these bytes; ValueError says what does not fit."""
    try:
        document = msgspec.json.decode(content, type=_Document)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return Speeds(
        kept=tuple(
            KeptSpeed(at=one.at, engine=one.engine, model=one.model, speed=_row(one.speed, DEPTH))
            for one in document.runs
        )
    )


def render_speeds(speeds: Speeds) -> bytes:
    """The bytes of the speeds; `parse_speeds` is the inverse."""
    rows = tuple(_Row(at=one.at, engine=one.engine, model=one.model, speed=dict(one.speed)) for one in speeds.kept)
    return msgspec.json.encode(_Document(schema=SCHEMA, runs=rows)) + b"\n"


def _row(found: Mapping[str, object], depth: int) -> dict[str, Value]:
    """A mapping as an observed value; what is no such value (null) is left out."""
    made = {str(name): _value(one, depth) for name, one in found.items()}
    return {name: one for name, one in made.items() if one is not None}


def _value(found: object, depth: int) -> Value | None:
    if isinstance(found, bool | int | float | str):
        return found
    if depth and isinstance(found, dict):
        return _row(found, depth - 1)
    if depth and isinstance(found, list):
        return tuple(one for one in (_value(each, depth - 1) for each in found) if one is not None)
    return None
