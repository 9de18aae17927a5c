"""keepwell as it runs, and a Prometheus beside it: it reads both pages, is written to, and computes every rule."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from keepwell.export.rules import render_rules
from keepwell.testing.waiting import eventually
from tests.engines.real import running
from tests.export.real import RealPrometheus, prometheus
from tests.support import free_port

#: Seconds for keepwell to come up and to have told all that it tells, on a busy machine.
PATIENCE = 90.0

SETTINGS = """\
[gateway]
listen = ["127.0.0.1:{gateway}"]
[hub]
listen = ["127.0.0.1:{hub}"]
[[sink]]
name = "far"
kind = "remote_write"
url = "{receiver}/api/v1/write"
every = "2s"
"""
CONFIGURATION = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: gateway
    static_configs: [{{targets: ["127.0.0.1:{gateway}"]}}]
  - job_name: hub
    static_configs: [{{targets: ["127.0.0.1:{hub}"]}}]
"""


def health(found: RealPrometheus) -> list[tuple[str, str]]:
    """Of every page that it reads: up or down, and why."""
    rows = (found.get("/api/v1/targets") or {"activeTargets": []})["activeTargets"]
    return [(one["health"], one["lastError"]) for one in rows]


def sick(found: RealPrometheus) -> list[str]:
    """Rules that cannot be computed, or have not been yet."""
    groups = (found.get("/api/v1/rules") or {"groups": [{"rules": [{"name": "none", "health": "unknown"}]}]})["groups"]
    return [one["name"] for group in groups for one in group["rules"] if one["health"] != "ok"]


def number(found: RealPrometheus, expression: str) -> float:
    """The one number that an expression gives; -1 while there is none."""
    return next(iter(found.query(expression).values()), -1.0)


@pytest.mark.long
def test_a_prometheus_beside_it(tmp_path: Path) -> None:
    gateway, hub = free_port(), free_port()
    for name in ("reads", "taken"):
        (tmp_path / name).mkdir()
    (tmp_path / "reads" / "rules.yml").write_text(
        render_rules().replace("interval: 30s", "interval: 1s"), encoding="utf-8"
    )
    configuration = CONFIGURATION.format(gateway=gateway, hub=hub)
    flags = ["--web.enable-remote-write-receiver"]
    with (
        prometheus(tmp_path / "reads", configuration) as reads,
        prometheus(tmp_path / "taken", "global: {}\n", flags) as taken,
    ):
        settings = SETTINGS.format(gateway=gateway, hub=hub, receiver=taken.url)
        (tmp_path / "keepwell.toml").write_text(settings, encoding="utf-8")
        argv = [sys.executable, "-m", "keepwell", "up", "--config", str(tmp_path / "keepwell.toml")]
        environment = {"KEEPWELL_STATE": str(tmp_path / "state")}
        with running(argv, environment, f"http://127.0.0.1:{hub}", tmp_path / "up.log"):
            eventually(lambda: health(reads) == [("up", ""), ("up", "")], PATIENCE, "both pages are read", pause=0.5)
            eventually(lambda: sick(reads) == [], PATIENCE, "every rule is computed", pause=0.5)
            eventually(lambda: number(reads, "count(keepwell_collector_up == 1)") > 3, PATIENCE, pause=0.5)
            assert number(reads, "count(keepwell_collector_up == 0) or vector(0)") == 0
            eventually(lambda: number(reads, "sum(keepwell_hub_node_up)") == 1, PATIENCE, "the node is up", pause=0.5)
            assert number(reads, "sum(prometheus_target_scrapes_sample_duplicate_timestamp_total) or vector(0)") <= 0
            eventually(lambda: number(taken, 'count({__name__=~"keepwell.*"})') > 50, PATIENCE, pause=0.5)
            read, sent = (
                {dict(key)["mode"] for key in one.query("keepwell_host_cpu_seconds_total")} for one in (reads, taken)
            )
            assert read == sent
            memory = "keepwell_host_memory_total_bytes"
            assert number(reads, memory) == number(taken, memory) > 0
            refused = 'sum(keepwell_hub_sink_messages_total{outcome!="taken"})'
            assert number(reads, refused) == 0
