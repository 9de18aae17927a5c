"""One request's time as bars one after the other, and the figures of many. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepwell.pages.curves import Line, draw_lines
from keepwell.store.request_log import QuantileRow
from keepwell.store.requests import RequestRow
from keepwell.telemetry.phases import PHASES, Phase, is_load_guessed, split

#: What each part of a request's time is called.
TITLES: Mapping[Phase, str] = {
    "queue": "waited for a replica",
    "load": "the model was loaded",
    "prefill": "the prompt was read",
    "decode": "the answer was made",
    "network": "the way, and what the engine did beside",
    "client": "the client took nothing",
    "undivided": "the answer, undivided",
}
#: Units that a bar is wide at least: what took any time at all is seen.
LEAST = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A part of the time: seconds from the beginning, its length, and both in hundredths of the whole."""

    phase: Phase
    title: str
    begin_seconds: float
    seconds: float
    left: float
    width: float
    note: str = ""


def draw_waterfall(row: RequestRow) -> tuple[Bar, ...]:
    """The parts in the order in which they were, without those that took no time."""
    parts, whole = split(row), max(row.total_seconds, 1e-9)
    bars: list[Bar] = []
    begin = 0.0
    for phase in PHASES:
        seconds = parts.get(phase, 0.0)
        if seconds <= 0:
            continue
        note = "with the prompt: the engine tells neither" * (phase == "load" and is_load_guessed(row))
        width = min(100.0, max(LEAST, 100 * seconds / whole))
        bar = Bar(
            phase=phase,
            title=TITLES[phase],
            begin_seconds=begin,
            seconds=seconds,
            left=min(100 - width, 100 * begin / whole),
            width=width,
            note=note,
        )
        bars.append(bar)
        begin += seconds
    return tuple(bars)


def tokens_per_second(row: RequestRow) -> float:
    """How fast the answer came after its first byte, -1 where nobody knows."""
    after = row.total_seconds - max(0.0, row.first_byte_seconds)
    if row.output_tokens <= 1 or row.first_byte_seconds < 0 or after <= 0 or not row.stream:
        return -1.0
    return (row.output_tokens - 1) / after


def table_quantiles(found: Mapping[str, Iterable[QuantileRow]]) -> list[dict[str, Any]]:
    """Rows of the table: each route with each measure's count and values."""
    routes: dict[str, dict[str, QuantileRow]] = {}
    for measure, rows in found.items():
        for one in rows:
            routes.setdefault(one.route, {})[measure] = one
    ordered = sorted(routes.items(), key=_busiest_first)
    return [{"route": route, "count": _count(measures), **measures} for route, measures in ordered]


def _busiest_first(row: tuple[str, dict[str, QuantileRow]]) -> tuple[int, str]:
    return -_count(row[1]), row[0]


def _count(measures: Mapping[str, QuantileRow]) -> int:
    return max(one.count for one in measures.values())


def draw_course(rows: Sequence[QuantileRow], now: float, unit_seconds: float, unit: str) -> str:
    """Half of requests and 95 of 100 over time, as SVG; "" where there are not two moments."""
    if len(rows) < 2:
        return ""
    lines = [
        Line(name=name, points=[((one.at - now) / unit_seconds, one.values[place]) for one in rows])
        for place, name in enumerate(("half of requests", "95 of 100"))
    ]
    return draw_lines(lines, "time to first token over time", unit, "s")
