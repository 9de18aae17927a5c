"""The board that is made from the declarations alone."""

from __future__ import annotations

from typing import cast

from keepwell.core.metric import Metric, Unit
from keepwell.export.boards.everything import COUNTERS, GAUGES, find_looked_at_once, make_everything
from keepwell.export.known import find_names
from keepwell.metrics import declared
from keepwell.metrics.pages.names import outside_names
from keepwell.plugins.collector import Collector
from keepwell.plugins.registry import load_all


def asked() -> dict[str, str]:
    """The unit of the panel of each name."""
    panels = [panel for row in make_everything().rows for panel in row.panels]
    return {name: panel.unit for panel in panels for one in panel.queries for name in find_names(one.expression)}


def test_every_series_has_a_panel() -> None:
    once = find_looked_at_once()
    series = {name for name, one in declared().items() if isinstance(one, Metric) and name not in once}
    collectors = cast("dict[str, Collector]", load_all("collectors"))
    assert {name for one in collectors.values() for name in one.gives} <= series
    names = {outside_names()[name].name for name in series}
    assert {name for name in names if not name.endswith(("_sum", "_count"))} == asked().keys()


def test_every_unit_has_a_word() -> None:
    assert set(GAUGES) == set(Unit)
    counters = {one.unit for one in declared().values() if isinstance(one, Metric) and one.kind == "counter"}
    assert counters <= set(COUNTERS)


def test_units_are_those_of_the_declaration() -> None:
    found = asked()
    assert found["keepwell_device_power_watts"] == "watt"
    assert found["keepwell_device_energy_joules_total"] == "watt"
    assert found["keepwell_host_network_sent_bytes_total"] == "Bps"
    assert found["keepwell_engine_queue_seconds_bucket"] == "s"
    assert found["keepwell_host_cpu_busy_ratio"] == "percentunit"
