"""Rules under promtool's own clock: they call when they should, and few requests are no alarm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keepwell.export.rules import render_rules
from tests.export.real import promtool

WELL = 'keepwell_gateway_requests_total{route="m",replica="a",outcome="well"}'
CUT = 'keepwell_gateway_requests_total{route="m",replica="a",outcome="replica_cut"}'
LEFT = 'keepwell_gateway_requests_total{route="m",replica="a",outcome="client_gone"}'


def play(folder: Path, series: dict[str, str], alert: str, minute: int, labels: dict[str, str] | None) -> None:
    """The alert fires with these labels at this minute, or not (None). A series is written as promtool writes it."""
    (folder / "rules.yml").write_text(render_rules(), encoding="utf-8")
    expected: list[dict[str, Any]] = []
    if labels is not None:
        expected = [{"exp_labels": labels}]
    told: dict[str, Any] = {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": expected}
    test = {
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [told],
    }
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [test]}
    (folder / "test.yml").write_text(json.dumps(document), encoding="utf-8")
    done = promtool("test", "rules", str(folder / "test.yml"))
    text = (done.stdout + done.stderr).decode()
    if labels is None:
        assert done.returncode == 0, text
        return
    # annotations are compared as well, and they hold numbers: what counts here is that it fired, and for whom
    assert f"{alert}" in text
    wished = ", ".join(f'{name}="{value}"' for name, value in sorted({"alertname": alert, **labels}.items()))
    got = text.partition("got:")[2]
    assert f"Labels:{{{wished}}}" in got, text


def test_one_of_ten_that_fails_calls(tmp_path: Path) -> None:
    series = {WELL: "0+9x60", CUT: "0+1x60"}
    play(tmp_path, series, "KeepwellRequestsFail", 20, {"route": "m", "severity": "critical"})


def test_one_of_two_at_night_calls_nobody(tmp_path: Path) -> None:
    play(tmp_path, {WELL: "0 1 1 1 1 1 1", CUT: "0 1 1 1 1 1 1"}, "KeepwellRequestsFail", 3, None)


def test_clients_that_leave_are_no_failure(tmp_path: Path) -> None:
    play(tmp_path, {WELL: "0+1x60", LEFT: "0+9x60"}, "KeepwellRequestsFail", 20, None)


def test_all_that_fails_calls(tmp_path: Path) -> None:
    play(tmp_path, {CUT: "0+9x60"}, "KeepwellRequestsFail", 20, {"route": "m", "severity": "critical"})


def test_a_node_that_is_gone_calls_and_one_that_blinks_does_not(tmp_path: Path) -> None:
    up = 'keepwell_hub_node_up{node="gpu01"}'
    play(tmp_path, {up: "1 1 0x60"}, "KeepwellNodeMissing", 20, {"node": "gpu01", "severity": "critical"})
    play(tmp_path, {up: "1 1 0 0 1x60"}, "KeepwellNodeMissing", 20, None)


def test_no_page_at_all_calls(tmp_path: Path) -> None:
    other = 'other{x="y"}'
    play(tmp_path, {other: "1x60"}, "KeepwellHubMissing", 20, {"severity": "critical"})
    play(tmp_path, {'keepwell_build_info{version="1"}': "1x60"}, "KeepwellHubMissing", 20, None)


def test_an_allowance_that_is_spent_calls(tmp_path: Path) -> None:
    left = 'slo:period_error_budget_remaining:ratio{sloth_id="keepwell-chat",sloth_service="keepwell",sloth_slo="chat"}'
    labels = {"sloth_id": "keepwell-chat", "sloth_service": "keepwell", "sloth_slo": "chat", "severity": "warning"}
    play(tmp_path, {left: "-0.1x80"}, "KeepwellAllowanceSpent", 30, labels)
    play(tmp_path, {left: "0.1x80"}, "KeepwellAllowanceSpent", 30, None)
