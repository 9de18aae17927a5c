"""Files of measurements, and which of their series moved around an instant: what `moved` gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.app.diagnosing import parse_age
from keepwell.app.operation import Caller
from keepwell.app.reading import open_text
from keepwell.core.errors import ConfigurationError
from keepwell.series import Move, Series, find_moves, parse_instant, parse_series
from keepwell.series.reading import SERIES_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A series that could not be looked at, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedReport:
    """The answer of `moved`: series that moved beyond chance, most first; others that were looked at; those left out.

    `at` is the instant (seconds since the epoch) and `window_seconds` how long after it was looked at.
    `healthy_moments` is how many moments of the past chance was learnt from, 0 where that is too short.
    """

    at: float
    window_seconds: float
    healthy_moments: int
    moved: tuple[Move, ...]
    still: tuple[Move, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.moved/1"

    @property
    def exit_code(self) -> int:
        """1 when something moved beyond chance."""
        return int(bool(self.moved))

    @property
    def first(self) -> Move | None:
        """What moved first; None where nothing moved at a time that can be told."""
        told = {one.onset: one for one in reversed(self.moved) if one.onset is not None}
        if not told:
            return None
        return told[min(told)]


def rank_moves(caller: Caller, paths: Sequence[str], at: str, window: str) -> MovedReport:
    """What moved in these files. Raises ConfigurationError for a time or file that is none, AccessError."""
    window_seconds = parse_age(window)
    if window_seconds <= 0:
        raise ConfigurationError("a window of no length holds nothing", hint="write 10m")
    series = [one for path in paths for one in _read(caller, path)]
    instant = parse_instant(at, series, None)
    found = find_moves(series, instant, window_seconds)
    return MovedReport(
        at=instant,
        window_seconds=window_seconds,
        healthy_moments=found.blocks,
        moved=found.moved,
        still=tuple(one for one in found.ranked if not one.moved),
        left_out=tuple(LeftOut(name=name, reason=reason) for name, reason in found.left_out),
    )


def _read(caller: Caller, path: str) -> tuple[Series, ...]:
    parts: list[bytes] = []
    size = 0
    with open_text(caller, path) as source:
        for chunk in source.chunks():
            size += len(chunk)
            if size > SERIES_BYTES:
                raise ConfigurationError(f"larger than {SERIES_BYTES} bytes", where=path, hint="cut it to fewer series")
            parts.append(chunk)
    return parse_series(b"".join(parts), path, None)
