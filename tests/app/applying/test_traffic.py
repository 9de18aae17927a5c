"""Engines drained through a real gateway: by whom, for how long, what was left behind, and what a token proves."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.applying.smoking import Taster, judge_token
from keepwell.app.applying.traffic import GatewayTraffic, Patience, parse_loaded, render_loaded, with_traffic
from keepwell.app.operation import Caller
from keepwell.app.serving.gatekeeping import save_settings, settings_path
from keepwell.app.wiring import wire
from keepwell.core.errors import TimedOut
from keepwell.core.ref import Ref
from keepwell.core.step import Plan, RunCommand
from keepwell.gateway.choice.cordons import Cordon, add_cordon, load_cordons
from keepwell.gateway.settings import Settings
from keepwell.plugins.routing import Replica
from keepwell.testing.engine import FakeEngine
from tests.gateway.made import chat
from tests.gateway.processes import Gateway, ask, gateway, in_thread
from tests.support import eventually_async

NOBODY = Ref("engine", (socket.gethostname(), "nobody"))


@contextmanager
def traffic_of(state: Path, config: Path) -> Iterator[GatewayTraffic]:
    """That of a run."""
    caller = Caller(state=state, config=config)
    wiring = wire(caller)
    yield GatewayTraffic(
        wiring=wiring, caller=caller, taster=Taster(wiring, caller, wiring.hands), run_id="1", patience=Patience()
    )
    asyncio.get_running_loop().create_task(wiring.hands.close())


def named(running: Gateway) -> Ref:
    return Ref("engine", (socket.gethostname(), f"vllm:{running.engines[0]}"))


def cordons(state: Path) -> list[str]:
    return [f"{one.subject.partition(':')[0]} {one.by}" for one in load_cordons(state)]


async def test_drained_and_given_back_as_often_as_one_likes(tmp_path: Path) -> None:
    async with FakeEngine("vllm") as engine, in_thread(gateway(tmp_path, [("vllm", engine.port)])) as running:
        with traffic_of(running.state, running.config) as traffic:
            ref, here = named(running), socket.gethostname()
            for _ in range(2):  # the second time as after a kill
                assert (await traffic.drain(ref)).startswith("drained in ")
                assert cordons(running.state) == [f"{here}/vllm run 1"]
            for said in (f"{ref} gets requests again", "nothing was drained for it"):
                assert await traffic.give_back(ref) == said
                assert cordons(running.state) == []
            assert (await ask(running.port, "/v1/chat/completions", json.dumps(chat()).encode())).status == 200

            add_cordon(running.state, Cordon(subject=f"{here}/vllm:{engine.port}", since=1.0, by="ada"))
            assert (await traffic.drain(ref)).startswith("drained in ")
            assert await traffic.give_back(ref) == f"{ref} stays drained, as ada wants it"
            assert cordons(running.state) == [f"{here}/vllm ada"]
            assert "sends engine" in await traffic.drain(NOBODY)


async def test_requests_that_run_are_waited_for_or_cut_off(tmp_path: Path) -> None:
    async with FakeEngine("vllm") as engine, in_thread(gateway(tmp_path, [("vllm", engine.port)])) as running:
        engine.state.token_seconds = 0.05
        body = json.dumps(chat(stream=True, max_tokens=60)).encode()
        streamed = asyncio.create_task(ask(running.port, "/v1/chat/completions", body))

        async def begun() -> bool:
            return engine.state.running == 1

        await eventually_async(begun, 20, "the stream")
        with traffic_of(running.state, running.config) as traffic:
            ref, hasty = named(running), replace(traffic, patience=Patience(seconds=0.2))
            with pytest.raises(TimedOut, match="1 requests still run"):
                await hasty.drain(ref)
            cut = replace(traffic, patience=Patience(seconds=0.2, cut=True))
            assert (await cut.drain(ref)).endswith("1 requests cut off")
            assert (await traffic.drain(ref)).startswith("drained in ")
            assert (await streamed).status == 200
            assert await traffic.give_back(ref) == f"{ref} gets requests again"


async def test_without_a_gateway_nothing_is_drained(tmp_path: Path) -> None:
    (tmp_path / "keepwell.toml").touch()
    with traffic_of(tmp_path / "state", tmp_path / "keepwell.toml") as traffic:
        assert await traffic.drain(NOBODY) == "no gateway runs here: nothing to drain"
        assert await traffic.give_back(NOBODY) == "nothing was drained for it"
    assert not (tmp_path / "state" / "gateway").exists()


def test_a_repair_that_restarts_what_the_gateway_asks_is_drained_for(tmp_path: Path) -> None:
    served = Ref("engine", ("box", "e"))
    plan = Plan(step="s", check="c.d", subject=served, why="", changes=(), activate=(RunCommand(argv=("true",)),))
    assert with_traffic(plan, tmp_path).engine is None, "there is no gateway"
    replica = Replica(id="box/e", node="box", host="h", port=1, dialects=frozenset())
    save_settings(settings_path(tmp_path), Settings(replicas=(replica,)))
    assert with_traffic(plan, tmp_path).engine == served
    assert with_traffic(replace(plan, activate=()), tmp_path).engine is None
    assert with_traffic(replace(plan, subject=NOBODY), tmp_path).engine is None


def test_a_persons_word_takes_the_place_of_a_runs(tmp_path: Path) -> None:
    assert add_cordon(tmp_path, Cordon(subject="box/e", since=1.0, by="run 1"))
    assert add_cordon(tmp_path, Cordon(subject="box/e", since=2.0, by="ada"))
    assert not add_cordon(tmp_path, Cordon(subject="box/e", since=3.0, by="run 2"))
    assert not add_cordon(tmp_path, Cordon(subject="box/e", since=4.0, by="bob"))
    assert [one.by for one in load_cordons(tmp_path)] == ["ada"]


@given(st.lists(st.from_regex(r"[a-z0-9./:_-]{1,20}", fullmatch=True), max_size=4), st.text(max_size=5))
def test_what_was_in_memory_is_remembered(models: list[str], said: str) -> None:
    assert parse_loaded("; ".join(one for one in (said, render_loaded(tuple(models))) if one)) == tuple(models)


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (200, {"model": "m", "choices": [{"text": " x", "finish_reason": "length"}]}, ""),
        (200, {"model": "m:latest", "choices": [{"text": "", "finish_reason": "length"}]}, ""),
        (200, {"model": "other", "choices": [{"text": "x", "finish_reason": "length"}]}, "other answered for m"),
        (500, {"error": "no memory"}, "HTTP 500: no memory"),
        (200, "<html>", "gave no answer"),
    ],
)
def test_what_a_token_proves(status: int, body: object, problem: str) -> None:
    found = judge_token(status, json.dumps(body).encode(), "m")
    assert problem in found
    assert bool(found) == bool(problem)
