"""Curves of numbers as SVG: how figures are spread, and lines over time or load. Pure: numbers in, text out.

Holds nothing but numbers and the words that it is given, which must be safe to stand in a page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keepwell.core.words import figure

#: Size of a picture in its own units, and the room around what is drawn: for numbers at the left and below.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 230, 62, 14, 26, 40
#: Colours that can be told from a light and from a dark page, and from each other by who sees no red.
SOFT, COLOURS = "#7a8696", ("#4a7fd0", "#d08a2e", "#3d9a6d")
#: Marks on an axis, about.
MARKS = 5
_INNER_WIDTH, _INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: what it is called, and its points."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a number lies between 0 and 1, evenly or by its logarithm."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Its place; an axis of one number alone has it in its middle."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        if high <= low:
            return 0.5
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def marks(self) -> list[float]:
        """Round numbers on it."""
        if self.log:
            return [one for one in _round_numbers(self.low, self.high) if self.low <= one <= self.high]
        step = _find_step((self.high - self.low) / MARKS)
        first = math.ceil(self.low / step)
        return [one * step for one in range(first, first + 2 * MARKS) if one * step <= self.high]


def draw_spread(edges: Sequence[float], counts: Sequence[int], title: str, unit: str) -> str:
    """Bars of how many figures lie between each two edges, which are above 0; "" for none."""
    if not counts or not max(counts):
        return ""
    across, up = Axis(edges[0], edges[-1], log=True), Axis(0.0, float(max(counts)))
    rows = [_begin(title), *_draw_axes(across, up, unit, "")]
    for number, count in enumerate(counts):
        left, right = _x(across, edges[number]), _x(across, edges[number + 1])
        top = _y(up, count)
        if count:
            rows.append(
                f'<rect fill="{COLOURS[0]}" x="{left:.1f}" y="{top:.1f}" width="{max(1.0, right - left - 1):.1f}" '
                f'height="{HEIGHT - BOTTOM - top:.1f}"/>'
            )
    return "".join([*rows, "</svg>"])


def draw_lines(lines: Sequence[Line], title: str, across_unit: str, up_unit: str, *, log: bool = False) -> str:
    """Lines over time, or with `log` over loads above 0; points that are not finite are left out; "" for none."""
    known = [
        Line(name=one.name, points=[each for each in one.points if all(map(math.isfinite, each))]) for one in lines
    ]
    points = [each for one in known for each in one.points]
    if not points:
        return ""
    across = Axis(min(x for x, _ in points), max(x for x, _ in points), log=log)
    up = Axis(0.0, max(y for _, y in points) * 1.05 or 1.0)
    rows = [_begin(title), *_draw_axes(across, up, across_unit, up_unit)]
    for number, one in enumerate(known):
        colour = COLOURS[number % len(COLOURS)]
        places = [(_x(across, x), _y(up, y)) for x, y in one.points]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        rows.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{drawn}"/>')
        rows += [f'<circle fill="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places]
        left = LEFT + 8 + 150 * number
        rows.append(f'<rect fill="{colour}" x="{left}" y="6" width="10" height="10"/>')
        rows.append(_text(one.name, left + 15, 15, "start"))
    return "".join([*rows, "</svg>"])


def _begin(title: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'


def _draw_axes(across: Axis, up: Axis, across_unit: str, up_unit: str) -> Iterator[str]:
    for one in up.marks():
        y = _y(up, one)
        ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
        yield f'<line stroke="{SOFT}" stroke-opacity="0.25" {ends}/>'
        yield _text(figure(one), LEFT - 6, y + 4, "end")
    for one in across.marks():
        yield _text(figure(one), _x(across, one), HEIGHT - BOTTOM + 16, "middle")
    bottom = HEIGHT - BOTTOM
    yield f'<line stroke="{SOFT}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>'
    yield _text(across_unit, WIDTH - RIGHT, HEIGHT - 6, "end")
    yield _text(up_unit, LEFT - 6, TOP - 8, "end")


def _text(words: str, x: float, y: float, anchor: str) -> str:
    return f'<text fill="{SOFT}" font-size="12" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def _x(axis: Axis, value: float) -> float:
    return LEFT + _INNER_WIDTH * axis.place(value)


def _y(axis: Axis, value: float) -> float:
    return TOP + _INNER_HEIGHT * (1 - axis.place(value))


def _find_step(wished: float) -> float:
    """The round number (1, 2 or 5 and zeros) next above; 1 for none."""
    if not wished > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(wished))
    return next((times * power for times in (1, 2, 5) if times * power >= wished), 10 * power)


def _round_numbers(low: float, high: float) -> Iterator[float]:
    """1, 2 and 5 with zeros; the ones alone where there are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    times: tuple[float, ...] = (1.0, 2.0, 5.0)
    if last - first > 3:
        times = (1.0,)
    if last - first <= 1:
        times = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    return (one * 10.0**power for power in range(first, last + 1) for one in times)
