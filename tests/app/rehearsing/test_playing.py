"""Rehearsals at a real data plane before fake engines: what a slow, failing or other engine is told to be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from keepwell.app.operation import Caller
from keepwell.app.rehearsing.playing import Wish, rehearse
from keepwell.app.rehearsing.report import RehearsalReport
from keepwell.core.errors import ConfigurationError
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.splits import SPLITS_FOLDER, Split, render_split
from keepwell.plugins.routing import Replica
from keepwell.store.folder import replace_private
from keepwell.store.keys import Key, add_key, digest_secret
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from tests.gateway.made import DIALECTS, MODEL, chat
from tests.gateway.planes import SECONDS, RunningPlane, running_plane
from tests.support import eventually_async

OTHER = "other-name"
#: Words of an answer: enough to be alike by.
WORDS = 12


@asynccontextmanager
async def two_routes(state: Path, first: FakeEngine, second: FakeEngine, **more: object) -> AsyncIterator[RunningPlane]:
    """A data plane with a route to each engine; bodies of the first are kept."""
    (state / "keepwell.toml").write_text("")
    replicas = tuple(
        Replica(id=f"box/{place}", node="box", host="127.0.0.1", port=one.port, dialects=frozenset(DIALECTS))
        for place, one in enumerate((first, second))
    )
    routes = (Route(name=MODEL, replicas={"box/0": MODEL}), Route(name=OTHER, replicas={"box/1": OTHER}))
    async with running_plane(state, first, replicas=replicas, routes=routes, bodies=(MODEL,), **more) as plane:
        yield plane


async def play(state: Path, *, file: str = "", at_once: int = 4, recorded: int = 50) -> RehearsalReport:
    """From the first route to the second."""
    caller = Caller(config=state / "keepwell.toml", state=state)
    return await rehearse(caller, Wish(first=MODEL, second=OTHER, file=file, at_once=at_once, recorded=recorded))


def alike(tag: str = "alpha") -> FakeEngine:
    """An engine whose model says the same, under another name."""
    return FakeEngine("vllm", models=(FakeModel(name=OTHER, tag=tag, words=WORDS),))


def usual() -> FakeEngine:
    """The first route's engine."""
    return FakeEngine("vllm", models=(FakeModel(words=WORDS),))


async def test_engines_that_say_the_same_are_a_go(tmp_path: Path) -> None:
    async with usual() as first, alike() as second, two_routes(tmp_path, first, second) as plane:
        report = await play(tmp_path)
        assert report.said == "go", report.rules
        assert (report.exit_code, report.first.requests, report.second.failed) == (0, 8, 0)
        assert report.by == f"the gateway at 127.0.0.1:{plane.port}"
        assert "keepwell's own" in report.source
        assert {one.likeness for one in report.texts} == {"equal"}
        assert (report.first.replicas, report.second.replicas) == (("box/0",), ("box/1",))
        asked = [json.loads(one.body) for one in second.requests if one.body]
        assert {(one["temperature"], one["stream"]) for one in asked} == {(0.0, True)}


async def test_an_engine_that_fails_or_says_something_else_is_a_no_go(tmp_path: Path) -> None:
    async with usual() as first, alike("beta") as second, two_routes(tmp_path, first, second):
        other = await play(tmp_path)
        assert [one.name for one in other.rules if one.said == "no-go"] == ["text at temperature 0"]
        await second.set_fault(Fault.CUT, "/v1/chat")
        broken = await play(tmp_path)
        assert (broken.said, broken.second.failed) == ("no-go", 8)
        assert sum(broken.second.problems.values()) == 8
        assert broken.rules[0].said == "undecided"


async def test_recorded_requests_are_played_masked_and_a_file_as_it_is(tmp_path: Path) -> None:
    async with usual() as first, alike() as second, two_routes(tmp_path, first, second) as plane:
        for number in range(6):
            secret = f"write to user{number}@firm-{number}.example"
            assert (await plane.ask(chat(messages=[{"role": "user", "content": secret}]))).status == 200
        await plane.has_rows(6)

        async def kept() -> bool:
            return (tmp_path / "gateway" / "bodies.db").exists()

        await eventually_async(kept, SECONDS, "bodies")
        report = await play(tmp_path, recorded=5)
        assert (report.masked, report.first.requests, report.source) == (True, 5, f"the record of {MODEL}")
        assert not any(b"firm-" in one.body for one in second.requests)
        file = tmp_path / "asked.jsonl"
        file.write_text("\n".join(json.dumps(chat(max_tokens=number)) for number in range(1, 7)))
        given = await play(tmp_path, file=str(file))
        assert (given.masked, given.first.requests, given.source) == (False, 6, str(file))


async def test_where_keys_are_wanted_or_a_share_is_moved_it_is_played_at_a_plane_of_its_own(tmp_path: Path) -> None:
    add_key(tmp_path, Key(name="ada", digest=digest_secret("kw-ada")))
    split = Split(route=MODEL, to=OTHER, share=1.0)
    replace_private(tmp_path / SPLITS_FOLDER / "x.json", render_split(split))
    async with usual() as first, alike() as second, two_routes(tmp_path, first, second, key_required=True) as plane:
        report = await play(tmp_path)
        assert report.said == "go", report.rules
        assert "of this command" in report.by
        assert report.first.replicas == ("box/0",)
        assert plane.rows() == []


async def test_ctrl_c_keeps_what_was_played(tmp_path: Path) -> None:
    async with usual() as first, alike() as second, two_routes(tmp_path, first, second):
        playing = asyncio.create_task(play(tmp_path, at_once=1))

        async def some() -> bool:
            return len([one for one in second.requests if one.path.endswith("completions")]) >= 4

        second.state.slow_seconds = 0.01
        await second.set_fault(Fault.SLOW, "/v1/chat")
        await eventually_async(some, SECONDS, "some requests")
        playing.cancel()
        report = await playing
        assert report.partial
        assert 0 < report.first.requests < 8


async def test_what_is_no_route_or_no_request_is_told(tmp_path: Path) -> None:
    async with usual() as first, alike() as second, two_routes(tmp_path, first, second):
        caller = Caller(config=tmp_path / "keepwell.toml", state=tmp_path)
        with pytest.raises(ConfigurationError, match="did you mean"):
            await rehearse(caller, Wish(first=MODEL, second="other-nam"))
        with pytest.raises(ConfigurationError, match="same route"):
            await rehearse(caller, Wish(first=MODEL, second=MODEL))
        file = tmp_path / "asked.jsonl"
        file.write_text('{"path": "/v1/rerank", "body": {}}')
        with pytest.raises(ConfigurationError, match="none of these"):
            await rehearse(caller, Wish(first=MODEL, second=OTHER, file=str(file)))
