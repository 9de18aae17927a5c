"""Over real sockets: a request goes to a replica that can do it, and its options come out the same for everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.needs import find_shortage
from keepwell.gateway.choice.options import Policy, make_guard
from keepwell.gateway.choice.rules import make_rules
from keepwell.testing.engine import FakeEngine
from tests.gateway.made import MODEL, Running, chat, gateway

SEEING = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]}


@asynccontextmanager
async def fleet(*blind: str, policy: Policy = "allow") -> AsyncIterator[tuple[Running, list[FakeEngine]]]:
    """Two engines behind a gateway; these replicas are known to see no images."""
    async with FakeEngine("ollama") as one, FakeEngine("ollama") as other, gateway([one.port, other.port]) as running:
        routes: dict[str, Route] = running.gate.scheduler.routes
        shortage = find_shortage([(name, frozenset({"vision"}), 0) for name in blind])
        guard = make_guard(policy, ("num_ctx",), {}, pinned=False)
        running.gate.rules = make_rules(
            routes,
            {MODEL: guard} if guard is not None else {},
            {MODEL: shortage} if shortage is not None else {},
        )
        yield running, [one, other]


async def test_only_who_can_is_asked() -> None:
    async with fleet("box/0") as (running, engines):
        seeing = [await running.ask("/v1/chat/completions", chat(**SEEING)) for _ in range(4)]
        assert {one.status for one in seeing} == {200}
        assert {one.headers["x-keepwell-replica"] for one in seeing} == {"box/1"}
        assert engines[0].requests == []
        await running.ask("/v1/chat/completions", chat())
        await running.ask("/v1/chat/completions", chat())
        assert engines[0].requests != [], "words alone go to everybody"


async def test_where_nobody_can_the_client_is_told_and_no_engine_asked() -> None:
    async with fleet("box/0", "box/1") as (running, engines):
        answer = await running.ask("/v1/chat/completions", chat(**SEEING))
        native = await running.ask("/api/chat", {"model": MODEL, "messages": [{"content": "?", "images": ["AA"]}]})
        assert [one.requests for one in engines] == [[], []]
    assert (answer.status, native.status) == (400, 400)
    assert "sees images" in answer.data["error"]["message"]
    assert "box/1" in native.data["error"], "in the client's own form"


async def test_options_are_taken_out_and_told() -> None:
    async with fleet(policy="normalise") as (running, engines):
        asked = chat(stream=False, options={"num_ctx": 9, "num_predict": 2})
        answer = await running.ask("/api/chat", asked)
        sent = [request.json() for engine in engines for request in engine.requests]
    assert answer.status == 200
    assert answer.headers["x-keepwell-options"] == "num_ctx 9 -> default"
    assert sent == [{**asked, "options": {"num_predict": 2}}]
    assert running.told[0].changed_options == 1


async def test_options_are_refused_where_the_owner_wants_that() -> None:
    async with fleet(policy="refuse") as (running, engines):
        answer = await running.ask("/api/chat", chat(options={"num_ctx": 9}))
        assert [one.requests for one in engines] == [[], []]
    assert answer.status == 400
    assert "num_ctx 9" in answer.data["error"]
