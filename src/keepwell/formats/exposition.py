"""The Prometheus text format, as engines write it on /metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: name{labels} value [timestamp]; the name may hold a colon, as engines write them.
_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}
_ESCAPED = re.compile(r'\\[n"\\]')
#: Samples kept from one answer; a busy vLLM writes about 1,500, and a body is bounded by its bytes already.
MAX_SAMPLES = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line: the metric's name, its labels and its value (never NaN or infinite)."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def parse_exposition(text: str) -> tuple[Sample, ...]:
    """All readable samples in order; comments, broken lines, NaN and infinities are left out. Never raises."""
    found: list[Sample] = []
    for line in text.splitlines():
        if len(found) >= MAX_SAMPLES:
            break
        match = _SAMPLE.match(line)
        if match is None:
            continue
        value = _number(match[3])
        if value is not None:
            found.append(Sample(name=match[1], value=value, labels=parse_labels(match[2] or "")))
    return tuple(found)


def total(samples: Iterable[Sample], name: str, **labels: str) -> float | None:
    """The sum over all samples of this name that carry these labels; None where there is none."""
    wanted = labels.items()
    values = [one.value for one in samples if one.name == name and wanted <= one.labels.items()]
    if not values:
        return None
    return math.fsum(values)


def parse_labels(text: str) -> dict[str, str]:
    """The labels that stand between the braces; what is not well formed is left out."""
    return {name: _ESCAPED.sub(_unescape, value) for name, value in _LABEL.findall(text)}


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPES[found[0]]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return value
