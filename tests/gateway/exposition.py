"""A strict reader of Prometheus' text format 0.0.4: what it does not know is an error."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
_VALUE = r'"(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(rf"(?P<name>{_NAME})(?:\{{(?P<labels>{_NAME}={_VALUE}(?:,{_NAME}={_VALUE})*)\}})? (?P<value>\S+)")
_LABEL = re.compile(rf"({_NAME})=({_VALUE})")
_KINDS = ("counter", "gauge", "histogram")
Labels = tuple[tuple[str, str], ...]


@dataclass
class Family:
    """One metric: its kind, and its samples by name and labels."""

    kind: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def value(self, **labels: str) -> float:
        """The sample with exactly these labels."""
        wanted = tuple(sorted(labels.items()))
        (found,) = [value for (_, has), value in self.samples.items() if has == wanted]
        return found


def read_exposition(content: bytes) -> dict[str, Family]:
    """The metrics; AssertionError for what a strict reader refuses."""
    text = content.decode("utf-8", "strict")
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    helped: set[str] = set()
    current = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in helped, f"two HELP for {name}"
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert kind in _KINDS, line
            assert current not in families, f"{current} comes twice"
            families[current] = Family(kind)
        else:
            _add(families, current, line)
    assert helped == set(families)
    for name, family in families.items():
        if family.kind == "histogram":
            _check_histogram(name, family)
        if family.kind == "counter":
            assert name.endswith("_total"), name
    return families


def _add(families: dict[str, Family], current: str, line: str) -> None:
    found = _SAMPLE.fullmatch(line)
    assert found is not None, f"no sample: {line!r}"
    family, name = families[current], found["name"]
    ends = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
    assert name in [current + end for end in ends], f"{name} stands under {current}"
    labels = _LABEL.findall(found["labels"] or "")
    assert len({one for one, _ in labels}) == len(labels), f"a label comes twice: {line!r}"
    key = name, tuple(sorted((one, value[1:-1]) for one, value in labels))
    assert key not in family.samples, f"{line!r} comes twice"
    value = float(found["value"])
    assert not math.isnan(value)
    family.samples[key] = value


def _check_histogram(name: str, family: Family) -> None:
    series: dict[Labels, list[tuple[float, float]]] = {}
    for (sample, labels), value in family.samples.items():
        if sample == f"{name}_bucket":
            (bound,) = [float(text) for label, text in labels if label == "le"]
            series.setdefault(tuple(one for one in labels if one[0] != "le"), []).append((bound, value))
    for labels, rows in series.items():
        assert [bound for bound, _ in rows] == sorted(bound for bound, _ in rows)
        assert rows[-1][0] == math.inf
        counts = [count for _, count in rows]
        assert counts == sorted(counts)
        assert family.samples[f"{name}_count", labels] == counts[-1]
        assert (f"{name}_sum", labels) in family.samples
