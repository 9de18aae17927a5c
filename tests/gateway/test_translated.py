"""Over real sockets: clients of every format are served by engines of every other one, and nothing else changes."""

from __future__ import annotations

import json

import pytest

from keepwell.gateway.work.attest import Standing
from tests.gateway.foreign import ALARMS, ENDS, PATHS, TEXT, WORDS, ask_of, foreign, read_error, read_text
from tests.gateway.made import MODEL, Answered, Running, gateway

FORMS = tuple(PATHS)
PAIRS = [(client, spoken) for client in FORMS for spoken in FORMS if client != spoken]
EVERY = pytest.mark.parametrize(("client", "spoken"), PAIRS)


async def ask(running: Running, client: str, *, stream: bool, **more: object) -> Answered:
    return await running.ask(PATHS[client], ask_of(client, stream=stream, **more))


@EVERY
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
async def test_an_answer_comes_in_the_clients_form(client: str, spoken: str, stream: bool, chunked: bool) -> None:
    async with foreign(spoken, chunked=chunked) as engine, gateway([engine.port], spoken=[[spoken]]) as running:
        answer = await ask(running, client, stream=stream)
        assert (answer.status, answer.whole) == (200, True), answer
        assert read_text(client, answer, stream=stream) == TEXT
        if stream:
            assert answer.body.count(ENDS[client]) >= 1
        assert running.running == 0
    assert [one.first[1].decode() for one in engine.asked] == [PATHS[spoken]]
    assert answer.headers["x-keepwell-translated"] == f"{client} {PATHS[client]} > {spoken} {PATHS[spoken]}"
    assert answer.headers["x-keepwell-proof"] == "said"
    assert answer.headers["x-keepwell-model"] == MODEL
    (facts,) = running.told
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (7, 3)
    assert (facts.error, facts.dialect, facts.status) == ("", f"{client} > {spoken}", 200)


async def test_counts_are_asked_of_the_engine_and_hidden_from_who_did_not_ask() -> None:
    async with foreign("ollama") as engine, gateway([engine.port], spoken=[["ollama"]]) as running:
        plain = await ask(running, "openai", stream=True)
        counted = await ask(running, "openai", stream=True, stream_options={"include_usage": True})
    assert b'"usage":{' not in plain.body.replace(b" ", b"")
    assert b'"completion_tokens":3' in counted.body.replace(b" ", b"")
    async with foreign("openai") as engine, gateway([engine.port], spoken=[["openai"]]) as running:
        await ask(running, "ollama", stream=True)
    assert json.loads(engine.asked[0].body)["stream_options"] == {"include_usage": True}


async def test_headers_of_the_clients_form_stay_here_and_those_of_tracing_go_on() -> None:
    headers = (
        *("anthropic-version: 2023-06-01", "x-api-key: secret", "accept-encoding: gzip", "accept: a/b"),
        *("traceparent: 00-1-2-01", "user-agent: me", "x-stainless-os: Linux"),
    )
    async with foreign("openai") as engine, gateway([engine.port], spoken=[["openai"]]) as running:
        await running.ask(PATHS["anthropic"], ask_of("anthropic", stream=False), headers=headers)
    names = {name.decode(): value.decode() for name, value in engine.asked[0].headers}
    assert sorted(names) == ["accept", "content-length", "content-type", "host", "traceparent", "user-agent"]
    assert names["content-type"] == "application/json"


@EVERY
@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_an_engines_error_is_told_in_the_clients_form(client: str, spoken: str, status: int) -> None:
    async with (
        foreign(spoken, status=status, headers=["retry-after: 7"]) as engine,
        gateway([engine.port], spoken=[[spoken]]) as running,
    ):
        answer = await ask(running, client, stream=True)
    assert answer.status == status
    assert read_error(client, answer) == "out of memory"
    assert answer.headers["retry-after"] == "7"
    assert running.told[0].error == {True: "engine_error", False: ""}[status >= 500 or status == 429]


@EVERY
@pytest.mark.parametrize("kept", [2, 3])
@pytest.mark.parametrize("way", ["cut", "unframed", "no end", "error"])
async def test_a_stream_that_stops_ends_in_the_clients_error(client: str, spoken: str, kept: int, way: str) -> None:
    if spoken == "anthropic":
        kept += 1
    how: dict[str, object] = {
        "cut": {"cut": True},
        "unframed": {"cut": True, "chunked": False},
        "no end": {},
        "error": {"then": ALARMS[spoken]},
    }[way]
    async with foreign(spoken, kept=kept, **how) as engine, gateway([engine.port], spoken=[[spoken]]) as running:
        answer = await ask(running, client, stream=True)
        assert running.running == 0
        assert running.gate.scheduler.stations["box/0"].breaker.failures == 1
    assert ENDS[client] not in answer.body, answer.body
    if answer.status == 200:
        last = answer.body.strip().rpartition(b"\n")[2].removeprefix(b"data: ")
        told = json.loads(last)["error"]
        assert "box/0" in str(told)
        assert answer.body.startswith((b"data: ", b"event: message_start", b'{"model"'))
        assert ("out of memory" in str(told)) is (way == "error")
    else:
        assert answer.status == 502
        assert "box/0" in read_error(client, answer)
    assert running.told[0].error.startswith("replica_")


@EVERY
async def test_half_an_answer_is_an_error(client: str, spoken: str) -> None:
    async with foreign(spoken, cut=True) as engine, gateway([engine.port], spoken=[[spoken]]) as running:
        answer = await ask(running, client, stream=False)
    assert answer.status == 502
    assert "box/0" in read_error(client, answer)


@EVERY
@pytest.mark.parametrize("first", ["its own", "the same"])
@pytest.mark.parametrize("how", ["500", "cut", "error"])
async def test_before_the_first_byte_another_replica_is_tried(client: str, spoken: str, first: str, how: str) -> None:
    """From the client's own form to another one, and within that one."""
    form = {"its own": client, "the same": spoken}[first]
    if form == client and how == "error":
        pytest.skip("what an engine of the client's own form says in a stream is passed on")
    ways: dict[str, dict[str, object]] = {
        "500": {"status": 500},
        "cut": {"kept": 0, "cut": True},
        "error": {"kept": 0, "then": ALARMS[form]},
    }
    async with (
        foreign(form, **ways[how]) as sick,
        foreign(spoken) as well,
        gateway([sick.port, well.port], spoken=[[form], [spoken]]) as running,
    ):
        for _ in range(4):  # until the sick one has its turn
            answer = await ask(running, client, stream=True)
            assert read_text(client, answer, stream=True) == TEXT
            assert answer.headers["x-keepwell-replica"] == "box/1"
            if sick.asked:
                break
        assert answer.headers["x-keepwell-translated"].endswith(PATHS[spoken])
        assert running.running == 0
    assert [one.first[1].decode() for one in sick.asked] == [PATHS[form]]
    assert running.told[-1].retries == 1


async def test_another_model_is_an_error_where_the_owner_wants_that() -> None:
    async with (
        foreign("openai", model="other") as engine,
        gateway([engine.port], spoken=[["openai"]]) as running,
    ):
        told = await ask(running, "ollama", stream=True)
        running.gate.attest.replace({"box/0": {MODEL: Standing()}}, {}, "error")
        refused = [await ask(running, "ollama", stream=stream) for stream in (True, False)]
    assert (told.status, told.headers["x-keepwell-proof"]) == (200, "mismatch")
    assert told.headers["x-keepwell-model"] == "other"
    assert [one.status for one in refused] == [502, 502]
    assert all("other answered" in read_error("ollama", one) for one in refused)
    assert running.running == 0


async def test_what_was_asked_and_answered_is_kept_as_the_client_saw_it() -> None:
    async with foreign("openai") as engine, gateway([engine.port], spoken=[["openai"]]) as running:
        running.gate.bodies = frozenset({MODEL})
        answers = [await ask(running, "ollama", stream=stream) for stream in (True, False)]
    for facts, answer in zip(running.told, answers, strict=True):
        assert facts.bodies is not None
        assert json.loads(facts.bodies[0])["model"] == MODEL
        assert facts.bodies[1] == answer.body


async def test_a_client_of_the_old_protocol_gets_a_stream_until_the_end() -> None:
    async with foreign("openai") as engine, gateway([engine.port], spoken=[["openai"]]) as running:
        body = json.dumps(ask_of("ollama", stream=True)).encode()
        data = await running.send(b"POST /api/chat HTTP/1.0\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    head, _, rest = data.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert [json.loads(line)["message"]["content"] for line in rest.splitlines()][: len(WORDS)] == list(WORDS)
