"""The reliability diagram: told confidence against the share of right answers, as SVG without any reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from keepwell.learning.measure import Bin

#: Size of the drawing and of the margin for the scales, in pixels.
SIZE, MARGIN = 420, 56
#: Widest disc, for the bin with most answers, and narrowest.
WIDEST, NARROWEST = 16.0, 3.0
#: Places of the scales' marks.
MARKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

_STYLE = (
    "text{font:13px sans-serif;fill:#333}.axis{stroke:#888}.true{stroke:#bbb;stroke-dasharray:5 4}"
    ".range{stroke:#1f6feb;stroke-width:2;opacity:.45}.bin{fill:#1f6feb}"
)


def draw_reliability(bins: Sequence[Bin], title: str) -> str:
    """One disc for each bin: its middle confidence, its share of right answers with the 95 % interval, its size.

    On the dashed line confidences are true; above it the engine is surer than it says.
    """
    whole = SIZE + 2 * MARGIN
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" width="{whole}" height="{whole}" '
            f'role="img"><title>{escape(title)}</title><style>{_STYLE}</style>',
            f'<rect width="{whole}" height="{whole}" fill="#fff"/>',
            f'<text x="{MARGIN}" y="{MARGIN - 24}" style="font-weight:bold">{escape(title)}</text>',
            *_scales(),
            *_discs(bins),
            "</svg>\n",
        )
    )


def _scales() -> Iterator[str]:
    yield f'<line class="true" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>'
    yield f'<line class="axis" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(0)}"/>'
    yield f'<line class="axis" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(0)}" y2="{_y(1)}"/>'
    for mark in MARKS:
        yield f'<text x="{_x(mark)}" y="{_y(0) + 20}" text-anchor="middle">{mark:g}</text>'
        yield f'<text x="{_x(0) - 10}" y="{_y(mark) + 4}" text-anchor="end">{mark:g}</text>'
    yield f'<text x="{_x(0.5)}" y="{_y(0) + 42}" text-anchor="middle">told confidence</text>'
    yield f'<text transform="translate({_x(0) - 40},{_y(0.5)}) rotate(-90)" text-anchor="middle">share right</text>'


def _discs(bins: Sequence[Bin]) -> Iterator[str]:
    most = max((one.count for one in bins), default=1)
    for one in bins:
        x = _x(one.confidence)
        radius = max(NARROWEST, WIDEST * (one.count / most) ** 0.5)
        told = f"{one.right.hits} of {one.count} right, told {one.confidence:.2f}"
        yield f'<line class="range" x1="{x}" y1="{_y(one.right.low)}" x2="{x}" y2="{_y(one.right.high)}"/>'
        yield f'<circle class="bin" cx="{x}" cy="{_y(one.right.share)}" r="{radius:.1f}"><title>{told}</title></circle>'


def _x(share: float) -> float:
    return round(MARGIN + share * SIZE, 1)


def _y(share: float) -> float:
    return round(MARGIN + (1 - share) * SIZE, 1)
