"""A metric's name ends in its unit, a counter in _total, a plain count in neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.metric import Metric, MetricKind, Unit
from keepwell.metrics import declared


@given(
    st.sampled_from(
        [
            "a.memory",
            "a.memory_bytes",
            "a.x_total",
            "a.t_seconds_total",
            "a.load_ratio",
            "a.t_seconds",
            "a.t_celsius",
            "a.p_watts",
        ]
    ),
    st.sampled_from(list(Unit)),
    st.sampled_from(["gauge", "counter"]),
)
def test_the_name_says_the_unit(name: str, unit: Unit, kind: MetricKind) -> None:
    stem = name.removesuffix("_total") if kind == "counter" and unit is not Unit.TOTAL else name
    suffixes = [one.value for one in Unit if one.value and stem.endswith(one.value)]
    fits = suffixes == [unit.value] if unit is not Unit.COUNT else not suffixes
    if kind == "counter":
        fits = fits and unit is not Unit.COUNT and name.endswith("_total")
    if fits:
        assert Metric(name=name, unit=unit, help="h", about="node", kind=kind).name == name
    else:
        with pytest.raises(ValueError, match=r"a\."):
            Metric(name=name, unit=unit, help="h", about="node", kind=kind)


def test_every_declaration_is_one() -> None:
    for name, one in declared().items():
        assert name == one.name
        assert one.help
        assert one.about
