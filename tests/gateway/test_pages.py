"""Web pages before the gateway: a listed one may ask and read, any other neither."""

from __future__ import annotations

import json
from collections.abc import Sequence

from keepwell.testing.engine import FakeEngine
from tests.gateway.made import KEY, SECRET, Answered, Running, chat, gateway, read_answer

PAGE, OTHER = "https://chat.lan", "https://evil.example"
PREFLIGHT = ["access-control-request-method: POST", "access-control-request-headers: authorization, content-type"]


async def preflight(running: Running, origin: str) -> Answered:
    lines = ["OPTIONS /v1/chat/completions HTTP/1.1", "host: localhost", f"origin: {origin}", *PREFLIGHT]
    return read_answer(await running.send("\r\n".join([*lines, "connection: close"]).encode() + b"\r\n\r\n"))


def allowed(answer: Answered) -> str:
    return answer.headers.get("access-control-allow-origin", "")


async def test_a_listed_page_is_permitted_and_may_read_everything_that_it_gets() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port], keys=[KEY]) as running:
        running.gate.access.replace([KEY], frozenset(), origins=[PAGE])
        asked = await preflight(running, PAGE)
        assert (asked.status, allowed(asked), asked.body) == (204, PAGE, b"")
        assert asked.headers["access-control-allow-headers"] == "authorization, content-type"
        assert "content-length" not in asked.headers
        key = f"authorization: Bearer {SECRET}"
        cases: list[tuple[str, object, Sequence[str], int]] = [
            ("/v1/chat/completions", chat(), [key], 200),
            ("/v1/chat/completions", chat(stream=True), [key], 200),
            ("/v1/chat/completions", chat(model="none"), [key], 404),
            ("/v1/chat/completions", chat(), [], 401),
        ]
        for path, body, headers, status in cases:
            answer = await running.ask(path, body, headers=[f"origin: {PAGE}", *headers])
            assert (answer.status, allowed(answer), answer.headers["vary"]) == (status, PAGE, "origin")
            assert "x-keepwell-model" in answer.headers["access-control-expose-headers"]
        assert all("origin" in one.headers for one in engine.requests)


async def test_any_other_page_may_neither_ask_nor_read() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        for origins in ([], [PAGE]):
            running.gate.access.replace((), frozenset(), origins=origins)
            asked = await preflight(running, OTHER)
            assert (asked.status, allowed(asked)) == (403, "")
            answer = await running.ask("/v1/chat/completions", chat(), headers=[f"origin: {OTHER}"])
            assert (answer.status, allowed(answer)) == (403, "")
            assert "origins" in answer.data["error"]["message"]
        assert engine.requests == []


async def test_a_page_whose_name_points_here_is_refused_for_its_name() -> None:
    """DNS rebinding: the page is of the same origin as its own name, and that name is this machine's address now."""
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        body = json.dumps(chat()).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: evil.example:4000\r\norigin: http://evil.example:4000\r\n"
        data = head.encode() + b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        answer = read_answer(await running.send(data))
        assert (answer.status, answer.data["error"]["code"]) == (403, "host_refused")
        assert engine.requests == []


async def test_without_a_page_nothing_of_this_is_told() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        running.gate.access.replace((), frozenset(), origins=[PAGE])
        answer = await running.ask("/v1/chat/completions", chat())
        assert answer.status == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_two_pages_in_turn_get_what_is_theirs() -> None:
    """What was found out for one head is not used for another."""
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        running.gate.access.replace((), frozenset(), origins=[PAGE, "https://other.lan"])
        for origin in (PAGE, "https://other.lan", PAGE):
            answer = await running.ask("/v1/chat/completions", chat(), headers=[f"origin: {origin}"])
            assert allowed(answer) == origin
        running.gate.access.replace((), frozenset(), origins=["https://other.lan"])
        answer = await running.ask("/v1/chat/completions", chat(), headers=[f"origin: {PAGE}"])
        assert (answer.status, allowed(answer)) == (403, "")


async def test_sizes_and_instants_of_a_request_are_noted() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        await running.ask("/v1/chat/completions", chat(stream=True))
    (facts,) = running.told
    assert facts.bytes_in == len(json.dumps(chat(stream=True)).encode())
    assert facts.times is not None
    assert facts.times == sorted(facts.times)
    assert 1 <= len(facts.times) <= facts.stream_parts
