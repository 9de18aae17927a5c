"""Which node or engine is meant, what several processes of the gateway tell together, and cordons without a gateway."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from keepwell.app.operation import Caller
from keepwell.app.serving.gatekeeping import save_settings, settings_path
from keepwell.app.serving.replicas import ReplicasReport, cordon, find_subject, list_replicas, merge_states, uncordon
from keepwell.cli.views.replicas import render
from keepwell.core.errors import ConfigurationError
from keepwell.gateway.choice.cordons import Cordon, find_reason, load_cordons
from keepwell.gateway.record.state import About, AtWork, GatewayState, Mishap, ReplicaState
from keepwell.gateway.settings import Settings
from keepwell.plugins.routing import Replica


def replica(name: str) -> Replica:
    return Replica(id=name, node=name.partition("/")[0], host="h", port=1, dialects=frozenset())


def shown(what: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=160, highlight=False).print(what)
    return out.getvalue()


REPLICAS = [replica("gpu01/a"), replica("gpu01/b:8001"), replica("gpu02/a")]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gpu01", "gpu01"),
        ("node:gpu02", "gpu02"),
        ("gpu01/a", "gpu01/a"),
        ("engine:gpu02/a", "gpu02/a"),
        ("b:8001", "gpu01/b:8001"),
    ],
)
def test_who_is_meant(name: str, meant: str) -> None:
    assert find_subject(name, REPLICAS) == meant


def test_a_name_of_several_or_of_nobody_is_told_with_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match="on several nodes") as several:
        find_subject("a", REPLICAS)
    assert "gpu01/a, gpu02/a" in several.value.hint
    with pytest.raises(ConfigurationError, match="no node or engine") as nobody:
        find_subject("gpu1", REPLICAS)
    assert "gpu01" in nobody.value.hint


def test_the_word_for_an_engine_counts_before_that_for_its_node() -> None:
    cordons = [Cordon(subject="gpu01", since=0, by="ada", why="dust"), Cordon(subject="gpu01/a", since=0, by="bob")]
    assert find_reason(cordons, REPLICAS[0]) == "drained (by bob)"
    assert find_reason(cordons, REPLICAS[1]) == "dust (by ada)"
    assert find_reason(cordons, REPLICAS[2]) == ""


def test_requests_of_a_process_that_finishes_count_too() -> None:
    state = ReplicaState(replica="gpu01/a", node="gpu01", running=1, requests=(AtWork(id=1),))
    gone = replace(state, replica="gpu01/gone", running=2)
    before = GatewayState(plane=About(pid=1, finishing=True), replicas=(state, gone))
    now = GatewayState(plane=About(pid=2), replicas=(replace(state, running=3, requests=(AtWork(id=7),)),))
    merged = {one.replica: one for one in merge_states([before, now])}
    assert merged["gpu01/a"].running == 4
    assert [one.id for one in merged["gpu01/a"].requests] == [7, 1]
    assert merged["gpu01/gone"].running == 2


async def test_without_a_gateway_it_is_kept_for_the_next_one(tmp_path: Path) -> None:
    config = tmp_path / "keepwell.toml"
    config.write_text("")
    caller = Caller(asked_by="ada", state=tmp_path, config=config)
    with pytest.raises(ConfigurationError, match="no gateway has run here yet"):
        await cordon(caller, "gpu01", why="", wait=True, timeout_seconds=1)
    save_settings(settings_path(tmp_path), Settings(replicas=tuple(REPLICAS)))
    report = await cordon(caller, "gpu01", why="dust", wait=True, timeout_seconds=1)
    assert report.done == "gpu01 gets no new work; no gateway runs, the next one goes by it"
    assert report.exit_code == 0
    assert [one.cordoned for one in (await list_replicas(caller)).replicas] == ["dust (by ada)"] * 2 + [""]
    again = await cordon(caller, "gpu01", why="more dust", wait=False, timeout_seconds=1)
    assert "already" in again.done
    assert [one.why for one in load_cordons(tmp_path)] == ["dust"]
    assert "gets work again" in (await uncordon(caller, "gpu01")).done
    with pytest.raises(ConfigurationError, match="gets work as it is"):
        await uncordon(caller, "gpu01")


def test_shown() -> None:
    at_work = AtWork(id=7, model="tiny-alpha", key="ada", seconds=3.2)
    error = Mishap(seconds_ago=5, why="HTTP 503 \x1b[31m")
    one = ReplicaState(
        replica="gpu01/a", node="gpu01", state="open", out_for_seconds=1.5, running=1, limit=4, last_errors=(error,)
    )
    two = replace(
        one, loading=("tiny-bravo",), state="closed", cordoned="dust (by ada)", requests=(at_work,), last_errors=()
    )
    text = shown(render(ReplicasReport(serving=("127.0.0.1:4000",), replicas=(one, two), left=1, finishing=1)))
    assert "out for 1.5 s more" in text
    assert "no new work: dust (by ada)" in text
    assert "1 of 4" in text
    assert "tiny-bravo (loading)" in text
    assert "request 7: tiny-alpha  ada  for 3.2 s" in text
    assert "5 s ago: HTTP 503" in text
    assert "\x1b" not in text
    assert "no gateway runs" in shown(render(ReplicasReport(serving=(), replicas=())))
