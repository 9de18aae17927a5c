"""Every series that is collected, from the declarations alone: nothing that is declared can be missing here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from keepwell.core.metric import Metric, Unit
from keepwell.export.board import Board, Panel, Row, Variable, line
from keepwell.formats.prometheus import SUBJECT_LABELS
from keepwell.metrics import declared
from keepwell.metrics.pages.names import Outside, outside_names
from keepwell.plugins.collector import Collector
from keepwell.plugins.probe import Probe
from keepwell.plugins.registry import load_all

#: Names of units in Grafana: of a number of now, and of how fast a counter grows.
GAUGES: Mapping[Unit, str] = {
    Unit.SECONDS: "s",
    Unit.BYTES: "bytes",
    Unit.RATIO: "percentunit",
    Unit.CELSIUS: "celsius",
    Unit.WATTS: "watt",
    Unit.JOULES: "joule",
    Unit.HERTZ: "hertz",
    Unit.PER_SECOND: "cps",
    Unit.TOTAL: "short",
    Unit.COUNT: "short",
}
COUNTERS: Mapping[Unit, str] = {
    Unit.SECONDS: "percentunit",
    Unit.BYTES: "Bps",
    Unit.JOULES: "watt",
    Unit.TOTAL: "cps",
}


def make_everything() -> Board:
    """One folded row for each topic."""
    topics: dict[str, list[Panel]] = {}
    for metric, panel in _panels():
        topics.setdefault(metric.name.partition(".")[0], []).append(panel)
    rows = tuple(Row(title=topic, panels=tuple(panels), folded=True) for topic, panels in sorted(topics.items()))
    return Board(
        uid="keepwell-everything",
        title="keepwell / everything",
        help="Every series that is collected, by topic.",
        variables=(Variable(name="node", label="Node", query="label_values(keepwell_hub_node_up, node)"),),
        rows=rows,
    )


def _panels() -> Iterator[tuple[Metric, Panel]]:
    once = find_looked_at_once()
    for name, metric in sorted(declared().items()):
        if isinstance(metric, Metric) and name not in once:
            outside = outside_names()[name]
            if outside.kind != "histogram" or outside.name.endswith("_bucket"):
                yield metric, _panel(metric, outside)


def find_looked_at_once() -> set[str]:
    """Names that only probes give, when somebody looks: there is no series of them."""
    collectors = cast("Mapping[str, Collector]", load_all("collectors"))
    probes = cast("Mapping[str, Probe]", load_all("probes"))
    collected = {name for one in collectors.values() for name in one.gives}
    return {name for one in probes.values() for name in one.gives} - collected


def _panel(metric: Metric, outside: Outside) -> Panel:
    labels = (*SUBJECT_LABELS.get(metric.about, ()), *metric.labels)
    chosen = '{node=~"$node"}' * ("node" in labels)
    rate = f"rate({outside.name}{chosen}[$__rate_interval])"
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    if outside.kind == "histogram":
        kept = ", ".join(labels)
        expression = f"histogram_quantile(0.95, sum by ({kept}) ({rate}))"
        return line(f"{outside.help}, 19 of 20", expression, legend.replace(" {{le}}", ""), "s")
    if outside.kind == "counter":
        return line(f"{metric.help}, a second", rate, legend, COUNTERS.get(metric.unit, "short"))
    return line(metric.help, outside.name + chosen, legend, GAUGES[metric.unit])
