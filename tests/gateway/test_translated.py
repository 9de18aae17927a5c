"""Over real sockets: clients of every format are served by engines of every other one, and nothing else changes."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.deadlines import Deadlines
from keepwell.gateway.wire.inbound import WRITE_BYTES
from keepwell.gateway.work.attest import Standing
from keepwell.gateway.work.heard import Heard
from keepwell.gateway.work.opening import SILENT_SECONDS
from keepwell.plugins.codec import Codec, Setting
from tests.gateway.foreign import ALARMS, ENDS, PATHS, STREAMS, TEXT, WORDS, ask_of, foreign, read_error, read_text
from tests.gateway.made import DIALECTS, MODEL, Answered, Running, gateway, read_answer
from tests.support import eventually_async

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
@pytest.mark.parametrize(
    ("first", "how"),
    [("its own", "500"), ("its own", "cut"), ("the same", "500"), ("the same", "cut"), ("the same", "error")],
)
async def test_before_the_first_byte_another_replica_is_tried(client: str, spoken: str, first: str, how: str) -> None:
    """From the client's own form to another one, and within that one. An error that an engine of the client's own form
    says inside a stream is passed on.
    """
    form = {"its own": client, "the same": spoken}[first]
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


@pytest.mark.parametrize("status", [200, 500])
async def test_a_stream_that_was_begun_with_comments_goes_on_in_the_clients_form(status: int) -> None:
    route = Route(name=MODEL, replicas={}, policy=("least_work",), comments=True)
    async with (
        foreign("ollama", pause=0.05, status=status, late=0.3) as engine,
        gateway([engine.port], spoken=[["ollama"]], route=route) as running,
    ):
        asking = asyncio.create_task(ask(running, "anthropic", stream=True))
        await eventually_async(lambda: _is(bool(engine.asked)), 5, "the engine to be asked")
        (exchange,) = running.gate.exchanges.values()
        exchange.keep_open(exchange.facts.began + SILENT_SECONDS)
        answer = await asking
        assert running.running == 0
    assert (answer.status, answer.whole) == (200, True)
    assert answer.body.startswith(b": no answer yet\n\n")
    if status == 200:
        assert read_text("anthropic", answer, stream=True) == TEXT
        assert b": tiny-alpha from box/0\n\n: x-keepwell-translated: anthropic /v1/messages > ollama" in answer.body
    else:
        assert b"message_stop" not in answer.body
        assert b"out of memory" in answer.body


async def test_an_engine_that_stops_in_the_middle_is_given_up_in_time() -> None:
    async with (
        foreign("openai", kept=3, silent=True) as engine,
        gateway([engine.port], spoken=[["openai"]], deadlines=Deadlines(between_seconds=0.2)) as running,
    ):
        answer = await ask(running, "ollama", stream=True)
        assert running.running == 0
    assert ENDS["ollama"] not in answer.body
    assert "stalled" in json.loads(answer.body.splitlines()[-1])["error"]
    assert running.told[0].error == "replica_stalled"


@EVERY
async def test_a_whole_answer_may_be_larger_than_what_is_kept(client: str, spoken: str) -> None:
    async with foreign(spoken, times=100_000) as engine, gateway([engine.port], spoken=[[spoken]]) as running:
        answer = await ask(running, client, stream=False)
    assert (answer.status, answer.whole) == (200, True)
    assert read_text(client, answer, stream=False) == TEXT * 100_000
    assert answer.headers["transfer-encoding"] == "chunked"
    assert running.told[0].usage.output_tokens == 3


@pytest.mark.long
async def test_a_client_that_reads_slowly_holds_its_engine_and_not_the_gateways_memory() -> None:
    events = 80_000
    async with (
        foreign("openai", times=events) as engine,
        gateway([engine.port], spoken=[["openai"]]) as running,
    ):
        body = json.dumps(ask_of("ollama", stream=True)).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
        writer.write(
            b"POST /api/chat HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        await eventually_async(
            lambda: _is(any(one.attempt and one.attempt.held for one in running.gate.exchanges.values())),
            10,
            "the engine to be held",
        )
        (client,) = running.gate.clients
        assert client.transport.get_write_buffer_size() < 4 * WRITE_BYTES
        data = await reader.read(-1)
        writer.close()
    answer = read_answer(data)
    assert answer.whole
    assert len(read_text("ollama", answer, stream=True)) == len("one ") * events + len("two three")


async def _is(value: bool) -> bool:
    return value


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(1, 200), max_size=12))
def test_an_answer_is_the_same_however_it_is_cut(pair: tuple[str, str], cuts: list[int]) -> None:
    """By the codecs and what is heard between them."""
    client, spoken = pair
    whole = "".join(STREAMS[spoken]).encode()
    pieces, place = [], 0
    for cut in cuts:
        pieces.append(whole[place : place + cut])
        place += cut
    pieces.append(whole[place:])
    read, write = (find_codec(one) for one in (spoken, client))
    reader, heard = read.make_reader(stream=True), Heard()
    asked = write.read_request(json.dumps(ask_of(client, stream=True)).encode())
    writer = write.make_writer(asked, Setting(model=MODEL, id="1", created=1.0))
    body = b"".join(writer.write(heard.note(reader.feed(one)), 1.0) for one in pieces)
    body += writer.write(heard.note(reader.end()), 1.0)
    assert read_text(client, Answered(200, {}, body), stream=True) == TEXT
    counts = heard.usage.input_tokens, heard.usage.output_tokens
    assert (heard.model, counts, heard.ended, heard.fault) == (MODEL, (7, 3), True, None)


def find_codec(form: str) -> Codec:
    codec = next(one.codec for one in DIALECTS[form].endpoints if one.path == PATHS[form].encode())
    assert codec is not None
    return codec
