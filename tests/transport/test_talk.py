"""One conversation, with a line that says what the test wants: silence, garbage, answers that nobody asked for."""

from __future__ import annotations

import asyncio
import json

import pytest

from keepwell.core.errors import AccessError, TimedOut, Unreachable
from keepwell.transport.far.client import FarTransport
from keepwell.transport.talk import Line, Talk
from keepwell.transport.wire import MARK, BrokenFrame, Frames, render_frame

HELLO = MARK + render_frame({"id": 0, "ok": {"python": [3, 11, 0]}})


class Said:
    """A line that keeps what is sent."""

    def __init__(self) -> None:
        self.frames: list[dict[str, object]] = []
        self.closed = 0
        self._parser = Frames()

    def send(self, data: bytes) -> None:
        self.frames += [dict(one.header) for one in self._parser.feed(data)]

    def close(self) -> None:
        self.closed += 1

    def asked(self, call: str) -> list[dict[str, object]]:
        return [one for one in self.frames if one["call"] == call]


async def _begun(**limits: float) -> tuple[Talk, Said]:
    talk, line = Talk(**limits), Said()
    talk.received(b"Welcome to node 7\n" + HELLO)
    assert (await talk.greet(line))["python"] == [3, 11, 0]
    assert talk.said == "Welcome to node 7"
    return talk, line


async def _sent(line: Said, call: str) -> int:
    while not line.asked(call):
        await asyncio.sleep(0)
    return int(str(line.asked(call)[-1]["id"]))


async def test_silence_is_death_and_pings_go_out() -> None:
    talk, line = await _begun(ping_seconds=0.02, dead_seconds=0.15)
    with pytest.raises(Unreachable, match="not a word"):
        await talk.ask("read", {}, b"", 30)
    assert len(line.asked("ping")) > 2
    assert line.closed == 1
    with pytest.raises(Unreachable, match="not a word"):
        await talk.ask("read", {}, b"", 30)


async def test_answers_in_any_order_and_some_that_nobody_wants() -> None:
    talk, line = await _begun()
    first = asyncio.create_task(talk.ask("read", {"n": 1}, b"", 5))
    second = asyncio.create_task(talk.ask("stat", {"n": 2}, b"", 5))
    one, two = await _sent(line, "read"), await _sent(line, "stat")
    talk.received(render_frame({"id": 999, "ok": {}}))
    talk.received(render_frame({"id": two, "ok": {"b": 2}}) + render_frame({"id": one, "ok": {"a": 1}}, b"x"))
    assert ((await first).ok, (await second).ok) == ({"a": 1}, {"b": 2})
    talk.received(render_frame({"id": one, "ok": {}}))
    assert talk.over is None
    talk.lost(Unreachable("the end"))


async def test_garbage_ends_it_for_all_who_wait() -> None:
    talk, line = await _begun()
    calls = [asyncio.create_task(talk.ask("read", {}, b"", 5)) for _ in range(3)]
    await _sent(line, "read")
    talk.received(b"\xff" * 20)
    got = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in got] == [BrokenFrame] * 3
    assert len({id(one) for one in got}) == 3


async def test_who_gives_up_says_so() -> None:
    talk, line = await _begun()
    with pytest.raises(TimedOut, match=r"within 0\.05 s"):
        await talk.ask("run", {}, b"", 0.05)
    await _sent(line, "cancel")
    assert json.dumps(line.asked("cancel")[0]["args"]) == json.dumps({"of": line.asked("run")[0]["id"]})
    talk.lost(Unreachable("the end"))


async def test_one_opening_for_all_and_none_after_a_failure() -> None:
    dialled = 0

    async def dial(talk: Talk) -> Line:
        nonlocal dialled
        dialled += 1
        await asyncio.sleep(0)
        raise Unreachable("nobody there", hint="go and look")

    far = FarTransport("x", dial)
    got = await asyncio.gather(*(far.read("/a") for _ in range(9)), far.run(["b"]), return_exceptions=True)
    assert all(isinstance(one, AccessError) and one.hint == "go and look" for one in got)
    assert dialled == 1
    with pytest.raises(Unreachable, match="nobody there"):
        await far.stat("/c")
    assert dialled == 1
    await far.close()


async def test_an_answer_of_another_shape_is_a_named_error() -> None:
    class Replies(Said):
        """Says the same to everything."""

        def __init__(self, talk: Talk) -> None:
            super().__init__()
            self.talk = talk

        def send(self, data: bytes) -> None:
            for one in Frames().feed(data):
                self.talk.received(render_frame({"id": one.header["id"], "ok": {"nothing": "of use"}}))

    async def dial(talk: Talk) -> Line:
        talk.received(HELLO)
        return Replies(talk)

    far = FarTransport("x", dial)
    for call in (far.stat("/a"), far.run(["b"]), far.http("GET", "http://h/"), far.space("/")):
        with pytest.raises(BrokenFrame, match="answer"):
            await call
    await far.close()
