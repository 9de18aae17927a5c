"""Who gets a request that has to be translated, what is dropped or refused, and what needs no engine at all."""

from __future__ import annotations

import asyncio
import json

import pytest

from keepwell.gateway.choice.ask import Refuse, Route, Start, Wait
from keepwell.gateway.choice.explain import Told, explain
from keepwell.gateway.choice.names import Names
from keepwell.gateway.choice.reached import AllReached
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.work.entry import Entry
from keepwell.gateway.work.translation import Translation, Wording
from keepwell.plugins.dialect import Dialect, Endpoint
from keepwell.plugins.routing import Ask, Replica
from keepwell.plugins.ways import find_all_words, find_ways
from keepwell.store.keys import Key
from tests.gateway.foreign import PATHS, TEXT, ask_of, foreign, read_error, read_text
from tests.gateway.made import DIALECTS, MODEL, POLICIES, gateway
from tests.support import eventually_async

ALSO = frozenset({"e"})


def replica(name: str, *dialects: str, limit: int = 0) -> Replica:
    return Replica(id=name, node="n", host="h", port=1, dialects=frozenset(dialects), limit=limit)


def scheduler(*replicas: Replica, fallback: str = "", more: tuple[Route, ...] = ()) -> Scheduler:
    route = Route(name="m", replicas={one.id: "m" for one in replicas if one.id != "z"}, fallback=fallback)
    made = Scheduler(replicas, [route, *more], POLICIES)
    for station in made.stations.values():
        station.proven = True
    return made


def ask(number: int, also: frozenset[str] = ALSO) -> Ask:
    return Ask(id=number, route="m", dialect="d", also=also)


def find_endpoint(dialect: Dialect, path: str) -> Endpoint:
    return next(one for one in dialect.endpoints if one.path == path.encode())


def test_whoever_speaks_it_goes_first_and_others_where_it_has_no_room() -> None:
    made = scheduler(replica("a", "e"), replica("b", "d", limit=2))
    first = [made.arrive(ask(number), 0.0) for number in range(4)]
    assert first == [
        Start(0, "b", "m"),
        Start(1, "b", "m"),
        Start(2, "a", "m", to=replica("a", "e")),
        Start(3, "a", "m", to=replica("a", "e")),
    ]
    made.ended(0, "b", "well", 1.0)
    assert made.arrive(ask(4), 1.0) == Start(4, "b", "m")


def test_whoever_speaks_it_but_is_sick_does_not_go_first() -> None:
    made = scheduler(replica("a", "e"), replica("b", "d"))
    assert made.arrive(ask(1), 0.0) == Start(1, "b", "m")
    made.ended(1, "b", "sick", 0.0)
    assert made.arrive(ask(9), 0.0) == Start(9, "a", "m", to=replica("a", "e"))


def test_who_cannot_be_reached_is_no_candidate() -> None:
    made = scheduler(replica("a", "e"), replica("b", "x"))
    assert made.arrive(ask(1), 0.0) == Start(1, "a", "m", to=replica("a", "e"))
    refused = made.arrive(ask(2, frozenset()), 0.0)
    assert isinstance(refused, Refuse)
    assert "a: does not speak d; b: does not speak d" in refused.message
    rows = {one.replica: (one.why, one.into) for one in made.explain(ask(3), 0.0)}
    assert rows == {"a": ("", ("e",)), "b": ("does not speak d", ())}


def test_those_who_wait_are_started_where_they_can_be_told() -> None:
    only = replica("a", "e", limit=1)
    made = scheduler(only)
    made.arrive(ask(1), 0.0)
    assert isinstance(made.arrive(ask(2), 0.0), Wait)
    assert made.ended(1, "a", "well", 1.0) == [Start(2, "a", "m", to=only)]


def test_routes_are_found_once_with_those_of_their_fallbacks() -> None:
    replicas = [replica("v", "openai"), replica("o", "ollama", "openai"), replica("t", "tokens")]
    routes = [
        Route(name="both", replicas={"v": "m", "o": "m"}),
        Route(name="native", replicas={"o": "m"}),
        Route(name="falls", replicas={"o": "m"}, fallback="only"),
        Route(name="only", replicas={"v": "m", "t": "m"}),
        Route(name="round", replicas={"t": "m"}, fallback="round"),
    ]
    found = AllReached(DIALECTS, routes, replicas)
    chat = found.find("ollama", find_endpoint(DIALECTS["ollama"], "/api/chat"))
    assert dict(chat.routes) == {"both": True, "falls": True, "only": False}
    assert found.find("ollama", find_endpoint(DIALECTS["ollama"], "/api/chat")) is chat
    assert dict(found.find("openai", find_endpoint(DIALECTS["openai"], PATHS["openai"])).routes) == {}
    assert dict(found.find("ollama", find_endpoint(DIALECTS["ollama"], "/api/show")).routes) == {}


def test_a_way_leads_to_the_same_kind_of_request_and_never_back() -> None:
    words = find_all_words(DIALECTS)
    assert {"openai", "anthropic"} <= words["ollama"]
    for name, dialect in DIALECTS.items():
        for endpoint in dialect.endpoints:
            for way in find_ways(DIALECTS, name, endpoint):
                assert endpoint.codec is not None
                assert way.codec is not endpoint.codec
                assert way.codec.kinds & endpoint.codec.kinds
    embedding = find_endpoint(DIALECTS["ollama"], "/api/embed")
    assert {one.codec.path for one in find_ways(DIALECTS, "ollama", embedding)} == {b"/v1/embeddings"}


def test_it_is_told_which_replica_needs_a_translation() -> None:
    made = Scheduler([replica("a", "openai")], [Route(name="m", replicas={"a": "m"})], POLICIES)
    found = explain(made, Names(made.routes, {}), "m", "", 0.0, Told(words=find_all_words(DIALECTS)))
    assert found is not None
    assert [(one.into, one.why) for one in found.candidates["ollama"]] == [(("openai",), "")]
    assert [(one.into, one.chosen) for one in found.candidates["openai"]] == [((), True)]


@pytest.mark.parametrize("stream", [True, False])
async def test_what_may_be_left_out_is_dropped_and_told(stream: bool) -> None:
    asked = ask_of("ollama", stream=stream, keep_alive="5m", options={"num_ctx": 9, "num_predict": 7})
    async with foreign("openai") as engine, gateway([engine.port], spoken=[["openai"]]) as running:
        answer = await running.ask("/api/chat", asked)
        plain = await running.ask("/api/chat", ask_of("ollama", stream=stream))
    assert answer.headers["x-keepwell-dropped"] == "keep_alive, options.num_ctx"
    assert "x-keepwell-dropped" not in plain.headers
    assert json.loads(engine.asked[0].body)["max_tokens"] == 7
    assert json.loads(engine.asked[0].body)["model"] == MODEL


VITAL = {"model": MODEL, "prompt": "go on", "context": [1, 2], "stream": False}


async def test_what_may_not_be_left_out_is_refused_before_anything_is_sent() -> None:
    async with (
        foreign("openai") as one,
        foreign("openai") as other,
        gateway([one.port, other.port], spoken=[["openai"], ["openai"]]) as running,
    ):
        answer = await running.ask("/api/generate", VITAL)
        assert running.running == 0
        assert not running.gate.exchanges
    assert answer.status == 400
    said = read_error("ollama", answer)
    assert "box/0, box/1: openai /v1/chat/completions cannot say context" in said
    assert (one.asked, other.asked) == ([], [])
    assert running.told[0].error == "cannot_be_translated"


async def test_it_goes_to_a_replica_that_needs_no_translation_where_there_is_one() -> None:
    async with (
        foreign("openai") as one,
        foreign("ollama") as other,
        gateway([one.port, other.port], spoken=[["openai"], ["ollama"]], limit=1) as running,
    ):
        answers = [await running.ask("/api/generate", VITAL) for _ in range(3)]
        assert {one.headers["x-keepwell-replica"] for one in answers} == {"box/1"}
        both = await asyncio.gather(*(running.ask("/api/generate", VITAL) for _ in range(4)))
        assert [one.status for one in both] == [200] * 4, "they wait for the one that can be told"
        running.gate.scheduler.stations["box/1"].cordoned = "gone"
        gone = await running.ask("/api/generate", VITAL)
        assert running.running == 0
    assert one.asked == []
    assert gone.status == 503
    assert "cannot say context" in read_error("ollama", gone)


async def test_a_body_that_cannot_be_read_is_refused_with_the_reason() -> None:
    async with foreign("openai") as engine, gateway([engine.port], spoken=[["openai"]]) as running:
        answer = await running.ask("/api/chat", {"model": MODEL, "messages": [{"role": "user", "content": 7}]})
    assert answer.status == 400
    assert "content" in read_error("ollama", answer)
    assert engine.asked == []


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/api/chat", {"messages": []}, "load"),
        ("/api/chat", {"messages": [], "keep_alive": 0}, "unload"),
        ("/api/generate", {"prompt": ""}, "load"),
        ("/api/generate", {"keep_alive": "0s"}, "unload"),
        ("/api/generate", {"keep_alive": "10m", "stream": False}, "load"),
    ],
)
async def test_loading_is_answered_at_once_for_an_engine_that_cannot(
    path: str, body: dict[str, object], word: str
) -> None:
    """Also while it has no room."""
    async with (
        foreign("openai", pause=0.05) as engine,
        gateway([engine.port], spoken=[["openai"]], limit=1) as running,
    ):
        long = asyncio.create_task(running.ask("/api/chat", ask_of("ollama", stream=True)))
        await eventually_async(lambda: _is(running.running == 1), 5, "one at work")
        answer = await running.ask(path, {"model": MODEL, **body})
        assert not long.done()
        assert read_text("ollama", await long, stream=True) == TEXT
        again = await running.ask(path, {"model": MODEL, **body})
        assert running.running == 0
        assert not running.gate.scheduler.waiting
    for one in (answer, again):
        (line,) = [json.loads(each) for each in one.body.splitlines()]
        assert (one.status, line["done"], line["done_reason"], line["model"]) == (200, True, word, MODEL)
    assert len(engine.asked) == 1
    assert [one.error for one in running.told] == ["", "", ""]


async def _is(value: bool) -> bool:
    return value


async def test_a_client_that_leaves_frees_the_engine_at_once() -> None:
    async with (
        foreign("openai", pause=0.2) as engine,
        gateway([engine.port], spoken=[["openai"]]) as running,
    ):
        body = json.dumps(ask_of("ollama", stream=True)).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST /api/chat HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await reader.readuntil(b"one")
        loop = asyncio.get_running_loop()
        left = loop.time()
        writer.transport.abort()
        async with asyncio.timeout(5):
            await engine.left.wait()
        assert loop.time() - left < 0.15, "before the next word; 20 ms where nothing else runs"
        await eventually_async(lambda: _is(running.running == 0), 5, "nothing at work")
    assert running.told[0].error == "client_gone"


def test_an_engine_is_asked_in_its_own_form_if_that_can_say_all_that_counts() -> None:
    """Also where another of its forms could say more."""
    both = Replica(id="a", node="n", host="h", port=1, dialects=frozenset({"openai", "anthropic"}), own="openai")
    shaped = translate("ollama", both, ask_of("ollama", stream=False, format={"type": "object"}, keep_alive=3))
    other = Replica(id="a", node="n", host="h", port=1, dialects=frozenset({"openai", "ollama"}), own="ollama")
    plain = translate("anthropic", other, ask_of("anthropic", stream=False))
    assert isinstance(shaped, Wording)
    assert isinstance(plain, Wording)
    assert [shaped.way.codec.path.decode(), plain.way.codec.path.decode()] == [PATHS["openai"], PATHS["ollama"]]


def translate(client: str, replica: Replica, asked: object, path: str = "") -> Wording | str:
    """How a request of this client is said to this replica."""
    endpoint = find_endpoint(DIALECTS[client], path or PATHS[client])
    reached = AllReached(DIALECTS).find(client, endpoint)
    entry = Entry(
        surface_era=None,
        access_era=None,
        dialect=DIALECTS[client],
        dialect_name=client,
        endpoint=endpoint,
        path=path or PATHS[client],
        key=Key(name="", digest=""),
        reached=reached,
    )
    return Translation(entry, json.dumps(asked).encode()).find(replica)


def test_a_text_without_a_limit_has_none_where_engines_would_stop_after_a_few_words() -> None:
    wording = translate("ollama", replica("a", "openai"), {"model": "m", "prompt": "a", "raw": True}, "/api/generate")
    assert isinstance(wording, Wording)
    assert json.loads(wording.render_body("x", 4096))["max_tokens"] == 4096
    assert "max_tokens" not in json.loads(wording.render_body("x"))
    assert json.loads(wording.render_body("x"))["model"] == "x"


def test_names_that_a_client_made_up_are_cut_and_harmless_in_a_header() -> None:
    asked = ask_of("ollama", stream=False, **{"a\r\nset-cookie: x": 1, "y" * 5000: 2})
    wording = translate("ollama", replica("a", "openai"), asked)
    assert isinstance(wording, Wording)
    first, second, rest = wording.lines.split(b"\r\n")
    assert (first, rest) == (b"x-keepwell-translated: ollama /api/chat > openai /v1/chat/completions", b"")
    assert second.startswith(b"x-keepwell-dropped: a??set-cookie: x, yyy")
    assert len(second) < 200
