"""The gateway over engines that speak the real wire: what passes, what is tried again, what a client is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.deadlines import Deadlines
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import Fault
from tests.gateway.made import KEY, MODEL, SECRET, chat, gateway, read_answer
from tests.support import eventually_async, free_port

WORDS = " ".join(["alpha", *(f"{number:04d}" for number in range(1, 20))])


def spoken(body: bytes) -> str:
    """The words of a stream of OpenAI's form."""
    events = [line[6:] for line in body.decode().split("\n") if line.startswith("data: {")]
    rows = [json.loads(one) for one in events]
    return "".join(row["choices"][0]["delta"].get("content") or "" for row in rows if row.get("choices")).strip()


async def test_an_answer_passes_and_says_who_gave_it() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        answer = await running.ask("/v1/chat/completions", chat())
        assert answer.status == 200
        assert answer.data["choices"][0]["message"]["content"].strip() == WORDS
        assert answer.headers["x-keepwell-replica"] == "box/0"
        assert answer.headers["x-keepwell-asked"] == MODEL
        assert answer.headers["x-keepwell-model"] == answer.data["model"]
    (facts,) = running.told
    assert (facts.status, facts.error, facts.replica, facts.retries) == (200, "", "box/0", 0)
    assert facts.usage.output_tokens == 20


async def test_lines_of_tracing_reach_the_engine_on_every_request() -> None:
    body = json.dumps(chat()).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntraceparent: %b\r\ncontent-length: %d\r\n\r\n%b"
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        try:
            for mark in (b"00-a", b"00-b", b"00-c"):
                writer.write(head % (mark, len(body), body))
                assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
                await reader.readuntil(b"]")
                await reader.readuntil(b"}}")
        finally:
            writer.close()
        assert [one.headers["traceparent"] for one in engine.requests] == ["00-a", "00-b", "00-c"]


async def test_a_stream_passes_in_order_and_is_counted() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        answer = await running.ask("/v1/chat/completions", chat(stream=True))
        assert answer.whole
        assert spoken(answer.body) == WORDS
        assert answer.body.rstrip().endswith(b"data: [DONE]")
        assert answer.headers["x-accel-buffering"] == "no"
    assert running.told[0].stream
    assert running.told[0].error == ""


async def test_a_client_that_asked_for_counts_gets_its_stream_untouched() -> None:
    body = chat(stream=True, stream_options={"include_usage": True})
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        through = await running.ask("/v1/chat/completions", body)
        async with gateway([engine.port]) as other:
            again = await other.ask("/v1/chat/completions", body)
        assert spoken(through.body) == spoken(again.body) == WORDS
        assert engine.requests[0].json()["stream_options"] == {"include_usage": True}


async def test_each_dialect_reaches_an_engine_that_speaks_it() -> None:
    async with FakeEngine("ollama") as engine, gateway([engine.port]) as running:
        answer = await running.ask("/api/chat", chat(options={"num_predict": 20}))
        lines = [json.loads(line) for line in answer.body.splitlines()]
        assert lines[-1]["done"] is True
        assert "".join(line["message"]["content"] for line in lines).split()[0] == "alpha"
    assert running.told[0].dialect == "ollama"
    assert running.told[0].usage.output_tokens > 0


async def test_an_alias_is_sent_under_the_engines_own_name() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        answer = await running.ask("/v1/chat/completions", chat(model="the-alias"))
        assert answer.status == 200
        assert engine.requests[0].json()["model"] == MODEL
    assert (running.told[0].asked, running.told[0].route) == ("the-alias", MODEL)


async def test_a_model_that_nobody_offers_is_told_with_the_nearest() -> None:
    async with gateway([free_port()]) as running:
        answer = await running.ask("/v1/chat/completions", chat(model="tiny-alfa"))
    assert answer.status == 404
    assert "did you mean tiny-alpha" in answer.data["error"]["message"]


async def test_lists_are_answered_without_any_engine() -> None:
    async with gateway([free_port()]) as running:
        models = await running.ask("/v1/models", method="GET")
        tags = await running.ask("/api/tags", method="GET")
        head = await running.ask("/v1/models", method="HEAD")
        unknown = await running.ask("/v1/nothing", method="GET")
        wrong = await running.ask("/v1/models", method="DELETE")
    assert [one["id"] for one in models.data["data"]] == [MODEL]
    assert [one["name"] for one in tags.data["models"]] == [MODEL]
    assert (head.status, head.body) == (200, b"")
    assert (unknown.status, wrong.status) == (404, 405)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_dead_replica_is_no_error_for_any_client(stream: bool) -> None:
    async with FakeEngine("vllm") as engine, gateway([free_port(), engine.port]) as running:
        answers = await asyncio.gather(*(running.ask("/v1/chat/completions", chat(stream=stream)) for _ in range(20)))
        assert [one.status for one in answers] == [200] * 20
        assert running.running == 0


@pytest.mark.parametrize(
    ("flavour", "fault"),
    [("vllm", Fault.BUSY), ("vllm", Fault.BROKEN), ("llamacpp", Fault.DROP), ("llamacpp", Fault.LOADING)],
)
async def test_a_sick_replica_is_no_error_and_soon_out(flavour: str, fault: Fault) -> None:
    async with (
        FakeEngine(flavour) as well,
        FakeEngine(flavour) as sick,
        gateway([sick.port, well.port]) as running,
    ):
        await sick.set_fault(fault)
        answers = [await running.ask("/v1/chat/completions", chat()) for _ in range(12)]
        assert [one.status for one in answers] == [200] * 12
        assert 1 <= len(sick.requests) <= 3


async def test_a_silent_replica_is_left_for_another() -> None:
    soon = Deadlines(first_byte_seconds=0.3)
    async with FakeEngine("vllm") as well, FakeEngine("vllm") as silent:
        await silent.set_fault(Fault.HANG)
        async with gateway([silent.port, well.port], deadlines=soon) as running:
            answers = [await running.ask("/v1/chat/completions", chat()) for _ in range(6)]
            assert [one.status for one in answers] == [200] * 6
            assert 1 <= len(silent.requests) <= 3
            assert "first byte" in running.gate.scheduler.stations["box/0"].breaker.reasons[-1][1]


async def test_where_nobody_is_left_the_client_is_told_why_in_its_own_words() -> None:
    async with gateway([free_port()]) as running:
        openai = await running.ask("/v1/chat/completions", chat())
        ollama = await running.ask("/api/chat", chat())
        anthropic = await running.ask("/v1/messages", chat())
    assert openai.status in (502, 503)
    assert "box/0" in openai.data["error"]["message"]
    assert "box/0" in ollama.data["error"]
    assert anthropic.data["type"] == "error"


async def test_a_stream_that_breaks_off_ends_in_an_error_and_never_in_its_end() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        await engine.set_fault(Fault.CUT)
        for more in ({}, {"stream_options": {"include_usage": True}}):
            answer = await running.ask("/v1/chat/completions", chat(stream=True, **more))
            assert b"[DONE]" not in answer.body
            assert b'"error"' in answer.body or not answer.whole
        assert running.running == 0
    assert {one.error for one in running.told} == {"replica_cut"}


async def test_a_client_that_leaves_frees_the_engine_and_the_slot() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port], limit=1) as running:
        await engine.set_fault(Fault.HANG)
        body = json.dumps(chat()).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n" % len(body)
        writers = []
        for _ in range(3):  # one at work, two in the queue
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(head + body)
            writers.append(writer)

        async def came() -> bool:
            return len(running.gate.exchanges) == 3

        await eventually_async(came)
        assert (running.running, len(running.gate.scheduler.waiting)) == (1, 2)
        for writer in reversed(writers):
            writer.close()

        async def gone() -> bool:
            return not running.gate.exchanges

        await eventually_async(gone)
        assert (running.running, len(running.gate.scheduler.waiting)) == (0, 0)
    assert {one.error for one in running.told} == {"client_gone"}


async def test_a_full_queue_is_told_with_when_to_come_again() -> None:
    route = Route(name=MODEL, replicas={}, waiting=1, wait_seconds=0.3)
    async with FakeEngine("vllm") as engine, gateway([engine.port], limit=1, route=route) as running:
        await engine.set_fault(Fault.HANG)
        asked = [asyncio.create_task(running.ask("/v1/chat/completions", chat())) for _ in range(3)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        refused = done.pop().result()
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) >= 1
        await asyncio.wait(asked, timeout=2)
        assert sorted(one.result().status for one in asked if one.done()) == [429, 503]
        for one in asked:
            one.cancel()


async def test_keys() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port], keys=[KEY]) as running:
        none = await running.ask("/v1/chat/completions", chat())
        wrong = await running.ask("/v1/chat/completions", chat(), headers=["authorization: Bearer nope"])
        right = await running.ask("/v1/chat/completions", chat(), headers=[f"authorization: Bearer {SECRET}"])
        other = await running.ask("/v1/messages", chat(), headers=[f"x-api-key: {SECRET}"])
        assert (none.status, wrong.status, right.status) == (401, 401, 200)
        assert other.status != 401
        assert all("authorization" not in one.headers for one in engine.requests)
    assert running.told[0].key == "ada"


async def test_a_foreign_host_is_refused_and_an_address_is_not() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        body = json.dumps(chat()).encode()
        for host, status in ((b"evil.example", 403), (b"192.168.1.5:4000", 200), (b"[::1]:4000", 200)):
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            assert read_answer(await running.send(head % (host, len(body)) + body)).status == status


async def test_requests_of_one_connection_are_answered_in_order() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        one = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
        body = json.dumps(chat()).encode()
        two = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        last = b"GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        data = await running.send(one + two + one + two + last)
    marks = [b'"list"', b'"chat.completion"', b'"list"', b'"chat.completion"', b"no such path"]
    places = []
    start = 0
    for mark in marks:
        start = data.index(mark, start) + 1
        places.append(start)
    assert places == sorted(places)


async def test_a_kept_connection_that_was_closed_meanwhile_is_no_fault_of_the_engine() -> None:
    """As engines do after some seconds, or some number of requests."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        answer = json.dumps({"model": MODEL, "choices": []}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))
        await writer.drain()
        await reader.read(1)  # of its body, or of the next request: then it closes without a word
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, gateway([server.sockets[0].getsockname()[1]]) as running:
        answers = [await running.ask("/v1/chat/completions", chat()) for _ in range(6)]
        assert [one.status for one in answers] == [200] * 6
        assert not running.gate.scheduler.stations["box/0"].breaker.reasons
    assert asked >= 6


async def test_what_is_refused_or_listed_takes_no_place_of_its_key() -> None:
    key = replace(KEY, at_once=1)
    headers = [f"authorization: Bearer {SECRET}"]
    async with FakeEngine("vllm") as engine, gateway([engine.port], keys=[key]) as running:
        for _ in range(3):
            assert (await running.ask("/v1/models", method="GET", headers=headers)).status == 200
            assert (await running.ask("/v1/chat/completions", chat(model="none"), headers=headers)).status == 404
            assert (await running.ask("/v1/chat/completions", [], headers=headers)).status == 400
            assert (await running.ask("/v1/chat/completions", chat(), headers=headers)).status == 200


async def test_paths_of_its_own_need_the_key_too() -> None:
    async with gateway([1], keys=[KEY]) as running:
        assert (await running.ask("/keepwell/state", method="GET")).status == 401
        assert (await running.ask("/metrics", method="GET")).status == 401


async def test_what_is_turned_away_has_its_row_and_is_counted() -> None:
    key = replace(KEY, per_minute=1)
    headers = [f"authorization: Bearer {SECRET}"]
    async with FakeEngine("vllm") as engine, gateway([engine.port], keys=[key]) as running:
        path = "/v1/chat/completions"
        statuses = [
            (await running.ask(path, body, headers=headers)).status for body in (chat(), chat(), [], chat(model="x"))
        ]
        assert statuses == [200, 429, 400, 404]
        assert (await running.ask(path, chat())).status == 401
        reasons = dict(running.gate.refused)
    rows = [(one.key, one.asked, one.status, one.error) for one in running.told]
    assert rows == [
        ("ada", MODEL, 200, ""),
        ("ada", MODEL, 429, "rate_limit_exceeded"),
        ("ada", "", 400, "malformed_body"),
        ("ada", "x", 404, "model_not_found"),
    ]
    assert len({one.id for one in running.told}) == 4
    assert sum(reasons.values()) == 4
    assert reasons["invalid_api_key"] == 1, "whoever has no key leaves no row"


async def test_a_key_for_other_routes_is_told_so_in_its_clients_words() -> None:
    headers = [f"authorization: Bearer {SECRET}"]
    async with FakeEngine("vllm") as engine, gateway([engine.port], keys=[replace(KEY, routes=("llama*",))]) as running:
        refused = await running.ask("/v1/chat/completions", chat(), headers=headers)
        assert (refused.status, refused.data["error"]["code"]) == (403, "route_not_allowed")
        through = await running.ask("/v1/chat/completions", chat(model="the-alias"), headers=headers)
        assert through.status == 403, "an alias is its route"
        running.gate.access.replace([replace(KEY, routes=("tiny-*",))], frozenset())
        assert (await running.ask("/v1/chat/completions", chat(), headers=headers)).status == 200
    assert len(engine.requests) == 1
