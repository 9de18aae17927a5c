"""A real Prometheus reads both pages, computes the rules, and takes what is written to it from far."""

from __future__ import annotations

import time
from pathlib import Path

from keepwell.app.hub.outlet import Outlet
from keepwell.config.sink_model import SinkEntry
from keepwell.core.metric import Metric
from keepwell.core.series import Batch
from keepwell.export.page import Page
from keepwell.export.rule_set import GROUPS
from keepwell.export.rules import recorded_names, render_rules
from keepwell.metrics import declared
from keepwell.telemetry.table import Table
from keepwell.testing.waiting import eventually
from keepwell.transport.local import LocalTransport
from tests.export.made import key
from tests.export.real import PATIENCE, RealPrometheus, prometheus
from tests.export.served import pages
from tests.export.test_gateway_page import full_page

CONFIGURATION = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: gateway
    metrics_path: /gateway
    static_configs: [{{targets: ["{where}"]}}]
  - job_name: hub
    metrics_path: /hub
    static_configs: [{{targets: ["{where}"]}}]
"""
SUBJECTS = {
    "node": "node:gpu01",
    "device": "device:gpu01/0",
    "engine": "engine:gpu01/one",
    "model": "model:gpu01/one/m",
}


class World:
    """A hub with one series of every declared metric, read anew whenever somebody asks."""

    def __init__(self) -> None:
        self.table, self.page = Table(), Page()

    def read(self) -> bytes:
        """The page now."""
        now = time.time()
        metrics = [one for one in declared().values() if isinstance(one, Metric)]
        readings = [
            (
                key(one.name, SUBJECTS.get(one.about, "node:gpu01"), **dict.fromkeys(one.labels, "+Inf")),
                0.0 if one.name == "collector.up" else 50.0 + 100 * (now % 1000 if one.kind == "counter" else 0),
            )
            for one in metrics
        ]
        self.table.put(Batch(node="gpu01", at=now, readings=readings))
        return self.page.render(self.table, now)


def targets(found: RealPrometheus) -> list[tuple[str, str]]:
    """Health and last error of every page that it reads."""
    rows = (found.get("/api/v1/targets") or {"activeTargets": []})["activeTargets"]
    return [(one["health"], one["lastError"]) for one in rows]


def rules(found: RealPrometheus) -> dict[str, tuple[str, str]]:
    """Health and state of every rule by name; "" is the state of one that only computes."""
    groups = (found.get("/api/v1/rules") or {"groups": []})["groups"]
    return {one["name"]: (one["health"], one.get("state", "")) for group in groups for one in group["rules"]}


def test_it_reads_both_pages_and_computes_every_rule(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(render_rules().replace("interval: 30s", "interval: 1s"), encoding="utf-8")
    world = World()
    with pages({"/gateway": full_page, "/hub": world.read}) as where:
        with prometheus(tmp_path, CONFIGURATION.format(where=where)) as found:
            eventually(lambda: targets(found) == [("up", ""), ("up", "")], PATIENCE, f"read: {targets(found)}")
            node = {"node": "gpu01", "gpu": "0", "instance": where, "job": "hub"}
            eventually(
                lambda: found.query("keepwell_device_power_watts") == {tuple(sorted(node.items())): 50.0}, PATIENCE
            )
            wished = {*recorded_names(), *(one.name for group in GROUPS for one in group.calls)}
            eventually(
                lambda: {name for name, (health, _) in rules(found).items() if health == "ok"} == wished, PATIENCE
            )
            eventually(lambda: rules(found)["KeepwellCollectorFails"][1] == "pending", PATIENCE)
            assert rules(found)["KeepwellHubMissing"][1] == "inactive"
            eventually(lambda: found.query("node:keepwell_device_power_watts:sum"), PATIENCE)
            eventually(lambda: found.query("route:keepwell_gateway_requests:increase5m"), PATIENCE)
            eventually(lambda: found.query("rate(keepwell_device_energy_joules_total[10s]) > 0"), PATIENCE)
            refused = found.query("sum(prometheus_target_scrapes_sample_duplicate_timestamp_total) or vector(0)")
            assert list(refused.values()) == [0.0]
        log = (tmp_path / "prometheus.log").read_text(encoding="utf-8")
        assert "level=error" not in log
        assert "Error on ingesting" not in log


async def test_it_takes_what_is_written_to_it_from_far(tmp_path: Path) -> None:
    transport, table = LocalTransport(), Table()
    power, count = key("device.power_watts", "device:gpu01/0"), key("collector.up", "node:gpu01", collector='o"dd\\')
    with prometheus(tmp_path, "global: {}\n", ["--web.enable-remote-write-receiver"]) as found:
        entry = SinkEntry(name="p", kind="remote_write", url=f"{found.url}/api/v1/write")
        outlet = Outlet(entry, tmp_path / "spool")
        now = time.time()
        for step in range(3):
            at = now - 2 + step
            table.put(Batch(node="gpu01", at=at, readings=[(power, 70.25 + step), (count, 1.0)]))
            await outlet.send(table, transport, at)
        assert (outlet.problem, outlet.taken, outlet.refused) == ("", 3, 0)
        assert found.query("keepwell_device_power_watts") == {(("gpu", "0"), ("node", "gpu01")): 72.25}
        assert found.query("keepwell_collector_up") == {(("collector", 'o"dd\\'), ("node", "gpu01")): 1.0}
        assert list(found.query("count_over_time(keepwell_device_power_watts[1m])").values()) == [3.0]
        old = Outlet(entry, tmp_path / "spool")
        early = Table()
        early.put(Batch(node="gpu01", at=now - 60, readings=[(power, 1.0)]))
        await old.send(early, transport, now)
        assert (old.refused, old.waiting) == (1, (0, 0))
        assert "out of order" in old.problem
    await transport.close()


async def test_an_outage_leaves_no_hole(tmp_path: Path) -> None:
    transport, table = LocalTransport(), Table()
    power = key("device.power_watts", "device:gpu01/0")
    now = time.time()
    gone = Outlet(SinkEntry(name="p", kind="remote_write", url="http://127.0.0.1:9/api/v1/write"), tmp_path / "spool")
    for step in range(10):
        table.put(Batch(node="gpu01", at=now - 30 + step, readings=[(power, float(step))]))
        await gone.send(table, transport, now - 30 + step)
    assert gone.waiting[0] == 10
    with prometheus(tmp_path, "global: {}\n", ["--web.enable-remote-write-receiver"]) as found:
        entry = SinkEntry(name="p", kind="remote_write", url=f"{found.url}/api/v1/write")
        back = Outlet(entry, tmp_path / "spool")
        await back.send(table, transport, time.time())
        assert (back.problem, back.waiting) == ("", (0, 0))
        (number,) = found.query("count_over_time(keepwell_device_power_watts[2m])").values()
        assert number >= 10.0
    await transport.close()
