"""Under which names declared metrics stand on pages and in what is sent.

A distribution is kept as three counters (its sum, how many, and how many up to each edge, which has the label `le`):
outside it is one histogram, as Prometheus has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from keepwell.core.metric import Metric
from keepwell.formats.prometheus import render_name
from keepwell.metrics import declared
from keepwell.metrics.pages.shown import ShownKind

EDGE = "le"
_BUCKET = "_bucket_total"
_SECONDS = "_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """`name` is what samples are called, `family` what their HELP and TYPE lines are for; the same but in histograms.
    `dotted` is the family's name as names are declared.
    """

    name: str
    family: str
    dotted: str
    help: str
    kind: ShownKind


@cache
def outside_names() -> Mapping[str, Outside]:
    """Of every declared metric, by its name in keepwell."""
    metrics = {name: one for name, one in declared().items() if isinstance(one, Metric)}
    found = {name: _plain(one) for name, one in metrics.items()}
    for name, one in metrics.items():
        stem = name.removesuffix(_BUCKET)
        if EDGE in one.labels and stem != name and {f"{stem}_total", f"{stem}_seconds_total"} <= metrics.keys():
            found.update(_histogram(stem, metrics[f"{stem}_seconds_total"].help))
    return found


def _plain(one: Metric) -> Outside:
    name = render_name(one.name)
    return Outside(name=name, family=name, dotted=one.name, help=one.help, kind=one.kind)


def _histogram(stem: str, help_text: str) -> dict[str, Outside]:
    dotted = stem + _SECONDS
    family = render_name(dotted)
    words = help_text.removeprefix("Sum of the ")
    told = words[:1].upper() + words[1:]
    ends = {f"{stem}_seconds_total": "_sum", f"{stem}_total": "_count", f"{stem}{_BUCKET}": "_bucket"}
    return {
        name: Outside(name=family + end, family=family, dotted=dotted, help=told, kind="histogram")
        for name, end in ends.items()
    }
