"""What changed and when, drawn as a line with numbered dots. Pure: instants in, SVG out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Size of the picture in its own units, and where its line begins and ends.
WIDTH, HEIGHT, LEFT, RIGHT = 640, 74, 14, 626
#: Dots nearer than this many units to the last one are drawn one step higher; so many steps.
NEAR, STEPS = 16.0, 3
#: Colours that can be told from a light and from a dark page.
SOFT, DOT, ERROR = "#7a8696", "#4a7fd0", "#d0463d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """Where a numbered event lies in the picture."""

    number: int
    x: float
    y: float


def place_dots(instants: Sequence[float], until: float) -> list[Dot]:
    """A dot for each instant, numbered as they come; time runs to `until` on a logarithmic scale of age.

    What happened a minute before counts as much room as what happened an hour before.
    """
    ages = [max(0.0, until - at) for at in instants]
    oldest = math.log1p(max(ages, default=0.0)) or 1.0
    places = [LEFT + (RIGHT - LEFT - 40) * (1 - math.log1p(age) / oldest) for age in ages]
    dots: list[Dot] = []
    last, step = -math.inf, 0
    for number in sorted(range(len(places)), key=places.__getitem__):
        near = places[number] - last < NEAR
        step = (step + 1) % STEPS * near
        last = places[number]
        dots.append(Dot(number=number + 1, x=round(last, 1), y=44.0 - 14 * step))
    return dots


def draw_changes(instants: Sequence[float], until: float, label: str) -> str:
    """The picture as SVG; `label` names the end of the line. Holds nothing but numbers and the label."""
    rows = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="what changed before">',
        f'<line stroke="{SOFT}" x1="{LEFT}" x2="{RIGHT}" y1="52" y2="52"/>',
        f'<line stroke="{ERROR}" stroke-width="2" x1="{RIGHT - 4}" x2="{RIGHT - 4}" y1="20" y2="58"/>',
        f'<text fill="{SOFT}" font-size="12" x="{RIGHT}" y="70" text-anchor="end">{label}</text>',
    ]
    for dot in place_dots(instants, until):
        rows.append(f'<circle fill="{DOT}" cx="{dot.x}" cy="52" r="4"/>')
        rows.append(
            f'<text fill="{SOFT}" font-size="12" x="{dot.x}" y="{dot.y}" text-anchor="middle">{dot.number}</text>'
        )
    return "".join([*rows, "</svg>"])
