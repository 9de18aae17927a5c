"""Results of other tools that send load, as plain rows: instants in seconds, tokens, gaps, words of errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

import msgspec

#: Requests of one file.
MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRow:
    """One request; instants on a clock of the tool's own, nan where it tells none. `error` is "" for a good answer."""

    planned: float = nan
    sent: float = nan
    first: float = nan
    last: float = nan
    ended: float = nan
    input_tokens: float = nan
    output_tokens: float = nan
    events: float = nan
    error: str = ""
    gaps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRun:
    """One stretch of load that another tool sent: the tool and its release, what it measured, in what words its load
    was said, a rate or clients (0: not told), when (seconds since the epoch, 0: not told).

    `notes` say where its figures mean something else than ours.
    """

    tool: str
    rows: tuple[ForeignRow, ...]
    version: str = ""
    model: str = ""
    url: str = ""
    load: str = ""
    rate: float = 0.0
    clients: int = 0
    at: float = 0.0
    notes: tuple[str, ...] = ()


class Found:
    """A JSON mapping that is read with its place, so that what does not fit is told as `benchmarks[0].requests: ...`.

    All but `has` and `get` raise ValueError.
    """

    def __init__(self, data: object, place: str = "") -> None:
        if not isinstance(data, Mapping):
            raise ValueError(f"{place or 'it'} is no JSON object")
        self._data = data
        self.place = place

    def has(self, *names: str) -> bool:
        """True if it has all of these."""
        return all(name in self._data for name in names)

    def get(self, name: str) -> object:
        """What stands there, None for nothing."""
        return self._data.get(name)

    def inside(self, name: str) -> Found:
        """The mapping of this name; an empty one where there is none."""
        value = self._data.get(name)
        if value is None:
            value = {}
        return Found(value, self._name(name))

    def text(self, name: str) -> str:
        """The text of this name; "" where there is none."""
        value = self._data.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ValueError(f"{self._name(name)} is no text")
        return value

    def number(self, name: str, times: float = 1.0) -> float:
        """The number of this name in other units; nan where there is none."""
        return read_number(self._data.get(name), self._name(name)) * times

    def items(self, name: str) -> Sequence[object]:
        """The list of this name; an empty one where there is none."""
        value = self._data.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise ValueError(f"{self._name(name)} is no list")
        if len(value) > MOST:
            raise ValueError(f"{self._name(name)} has more than {MOST} items")
        return value

    def objects(self, name: str) -> list[Found]:
        """The mappings in the list of this name."""
        return [Found(one, f"{self._name(name)}[{number}]") for number, one in enumerate(self.items(name))]

    def numbers(self, name: str, times: float = 1.0) -> tuple[float, ...]:
        """The numbers in the list of this name."""
        place = self._name(name)
        return tuple(read_number(one, f"{place}[{number}]") * times for number, one in enumerate(self.items(name)))

    def _name(self, name: str) -> str:
        return ".".join(filter(None, (self.place, name)))


def read_number(value: object, place: str) -> float:
    """A finite number; nan for none. Raises ValueError."""
    if value is None:
        return nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{place} is no number")
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError(f"{place} is too large") from error
    if not math.isfinite(number):
        raise ValueError(f"{place} is no finite number")
    return number


def parse_json(content: bytes, place: str = "") -> Found:
    """The mapping in these bytes. Raises ValueError."""
    try:
        data: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"{place or 'it'} is no JSON: {error}") from error
    return Found(data, place)
