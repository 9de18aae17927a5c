"""A badge and a status page: how all is, in colour, shape and words. Pure; whatever was named is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from keepwell.api.summary import WORDS, Line
from keepwell.core.finding import Status
from keepwell.core.text import cut_text

#: Colours that white text is read on (contrast 4.5 and more).
COLOURS = {Status.OK: "#1a7f37", Status.UNKNOWN: "#57606a", Status.WARNING: "#9a6700", Status.CRITICAL: "#cf222e"}
#: A shape beside the colour, for who does not see colours.
SHAPES = {Status.OK: "●", Status.UNKNOWN: "○", Status.WARNING: "▲", Status.CRITICAL: "■"}
#: The page's sentence about all of it.
SENTENCES = {
    Status.OK: "Everything works",
    Status.UNKNOWN: "Not everything is known at the moment",
    Status.WARNING: "Something is not quite well",
    Status.CRITICAL: "Something does not work",
}
#: Pixels of a character at 11 pixels, on average, and beside a text. The drawing fits texts to that.
CHARACTER, MARGIN = 6.7, 10
#: Characters of a name.
NAME_CHARACTERS = 40
#: Seconds after which the page looks again.
REFRESH_SECONDS = 60
_STYLE = """
:root{color-scheme:light dark}
body{font:1.05rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}
h1{font-size:1.4rem}
p.all,li{display:flex;gap:.7rem;align-items:baseline;padding:.5rem .8rem;border-radius:.4rem}
p.all{color:#fff;font-weight:600}
ul{list-style:none;padding:0}
li{border:1px solid #8884;margin:.4rem 0;justify-content:space-between}
.word{padding:0 .5rem;border-radius:.3rem;color:#fff;white-space:nowrap}
.name{overflow-wrap:anywhere}
"""
_CLASSES = "".join(f".{WORDS[status]}{{background:{colour}}}" for status, colour in COLOURS.items())
STYLE = _STYLE + _CLASSES
#: What the page may load: nothing but its own style.
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)


def render_badge(name: str, status: Status) -> str:
    """A shield of two halves, as an SVG picture that needs nothing else."""
    left, right = cut_text(name, NAME_CHARACTERS), WORDS[status]
    widths = [round(len(one) * CHARACTER) + MARGIN for one in (left, right)]
    title = escape(f"{left}: {right}")
    texts = "".join(_text(one, sum(widths[:place]) + widths[place] / 2) for place, one in enumerate((left, right)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{sum(widths)}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<clipPath id="r"><rect width="{sum(widths)}" height="20" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{widths[0]}" height="20" fill="#24292f"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{COLOURS[status]}"/></g>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">'
        f"{texts}</g></svg>"
    )


def _text(words: str, middle: float) -> str:
    length = round(len(words) * CHARACTER)
    return f'<text x="{middle:g}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'


def render_status(title: str, status: Status, lines: Sequence[Line]) -> str:
    """The page: a sentence about all of it, then a line for each thing that may be named."""
    shown = escape(title or "Status")
    rows = "".join(_row(one) for one in lines)
    listed = f"<ul>{rows}</ul>" * bool(rows)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}"><meta name="robots" content="noindex">'
        f"<title>{shown}: {SENTENCES[status]}</title><style>{STYLE}</style></head><body><main><h1>{shown}</h1>"
        f'<p class="all {WORDS[status]}" role="status"><span aria-hidden="true">{SHAPES[status]}</span> '
        f"{SENTENCES[status]}</p>{listed}</main></body></html>"
    )


def _row(one: Line) -> str:
    name = escape(cut_text(one.name, NAME_CHARACTERS))
    word = WORDS[one.status]
    shape = f'<span aria-hidden="true">{SHAPES[one.status]}</span>'
    return f'<li><span class="name">{name}</span><span class="word {word}">{shape} {word}</span></li>'
