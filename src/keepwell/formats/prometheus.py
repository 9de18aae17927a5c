"""How keepwell's series are named and written for Prometheus: text format 0.0.4, one naming for pages and sinks.

The rules are those of Prometheus' own pages on naming and on writing exporters: one prefix, base units, `_total` for
counters, no colon, no number of a process or a request in a label.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from keepwell.core.ref import Ref
from keepwell.core.series import SeriesKey
from keepwell.core.text import cut_text, escape_controls

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "keepwell_"
#: Labels that the parts of a Ref become. A process has none: its number is another one after each start, so that
#: series would be without end; what belongs to a process is told about its engine or container.
SUBJECT_LABELS: Mapping[str, tuple[str, ...]] = {
    "node": ("node",),
    "device": ("node", "gpu"),
    "engine": ("node", "engine"),
    "model": ("node", "engine", "model"),
    "route": ("route",),
    "unit": ("node", "unit"),
    "container": ("node", "container"),
    "port": ("node", "port"),
    "mount": ("node", "mount"),
    "path": ("node", "path"),
    "log": ("node", "log"),
    "service": ("node", "service"),
}
#: Characters of a label's value: names of models have up to 150.
VALUE_CHARACTERS = 256
#: Above this a float no longer holds every whole number, and digits say no more than an exponent does.
_WHOLE = 2.0**53
_UNFIT = re.compile("[^a-zA-Z0-9_]")

Labels: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All samples of one name: `name` whole, with its prefix; `kind` is "gauge" or "counter"."""

    name: str
    help: str
    kind: str = "gauge"
    samples: Sequence[tuple[Labels, float]] = field(default=())


def render_name(metric: str) -> str:
    """The name of a declared metric: `device.power_watts` is keepwell_device_power_watts."""
    return PREFIX + _UNFIT.sub("_", metric)


def find_labels(key: SeriesKey) -> dict[str, str] | None:
    """Labels of a series, those of its subject before its own; None where its subject has no place outside, or is no
    Ref. A name that both have is its subject's.
    """
    try:
        subject = Ref.parse(key.subject)
    except ValueError:
        return None
    names = SUBJECT_LABELS.get(subject.kind)
    if names is None:
        return None
    found = dict(zip(names, subject.path, strict=True))
    for name, value in key.labels:
        found.setdefault(clean_name(name), value)
    return {name: clean_value(value) for name, value in found.items()}


def clean_name(name: str) -> str:
    """A label's name as Prometheus takes it; those that begin with two underscores are its own."""
    fit = _UNFIT.sub("_", name)
    if not fit or fit[0].isdigit() or fit.startswith("__"):
        return f"label_{fit.lstrip('_')}"
    return fit


def clean_value(value: str) -> str:
    """A label's value, without control characters and of a bounded length."""
    return cut_text(escape_controls(value), VALUE_CHARACTERS)


def render_labels(labels: Labels) -> str:
    """`{name="value",...}`, or "" for none."""
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def render_number(value: float) -> str:
    """Whole numbers are written out, others with the fewest digits that give the same number back."""
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    if value == int(value) and abs(value) < _WHOLE:
        return str(int(value))
    return repr(float(value))


def render_head(name: str, help_text: str, kind: str) -> str:
    """The two lines before a name's samples, with the last line break."""
    told = help_text.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {name} {told}\n# TYPE {name} {kind}\n"


def render_families(families: Iterable[Family]) -> str:
    """A page's text; names without a sample are not on it, those that come twice are told together."""
    found: dict[str, Family] = {}
    for one in families:
        if one.samples:
            before = found.get(one.name, replace(one, samples=()))
            found[one.name] = replace(before, samples=(*before.samples, *one.samples))
    return "".join(map(_family, found.values()))


def _family(one: Family) -> str:
    return render_head(one.name, one.help, one.kind) + "".join(_samples(one))


def _samples(one: Family) -> Iterator[str]:
    for labels, value in one.samples:
        yield f"{one.name}{render_labels(labels)} {render_number(value)}\n"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
