"""Collecting from this machine and from real agents: clocks that differ, nodes that are dead, and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from keepwell.app.agent_identity import TOKEN, find_fingerprint, load_identity, make_identity
from keepwell.app.hub.collecting import ACCOUNT_SECONDS, AWAY_SECONDS, Collecting
from keepwell.app.hub.duty import Hub
from keepwell.config.model import Config, NodeEntry, Secret
from keepwell.core.series import SeriesKey
from keepwell.telemetry.rounds import Sample
from keepwell.telemetry.wire import Writer, parse_heard
from keepwell.testing.clock import FakeClock
from keepwell.transport.agent.server import AgentServer
from tests.app.hub.made import Lines, make_hub
from tests.support import eventually_async, free_port

if TYPE_CHECKING:
    from keepwell.transport.far.job import Done, Job

#: How far the agent's clock is ahead.
AHEAD = 3600.0


class Desk:
    """An agent's samples, one for each question."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._writer = Writer(1)
        self.asked = 0

    def answer(self, job: Job) -> Done:
        self.asked += 1
        readings = [(SeriesKey("host.load", "node:its-own-name"), float(self.asked))]
        self._writer.add(Sample(self._clock.now() + AHEAD, [("made", readings)]))
        return {}, self._writer.render(parse_heard(job.args))


@asynccontextmanager
async def agent(folder: Path, desk: Desk, port: int) -> AsyncIterator[None]:
    server = AgentServer(load_identity(folder), changes=False, tell=str, calls={"samples": desk.answer})
    async with server.listen("127.0.0.1", port):
        yield


def entry(folder: Path, name: str, port: int) -> NodeEntry:
    fingerprint = find_fingerprint(load_identity(folder))
    secret = Secret(file=str(folder / TOKEN))
    return NodeEntry(name=name, address="127.0.0.1", port=port, reach="agent", fingerprint=fingerprint, token=secret)


def value(hub: Hub, metric: str, node: str) -> object:
    track = hub.table.find(SeriesKey(metric, f"node:{node}"))
    return getattr(track, "value", None)


async def test_a_dead_node_is_a_finding_and_costs_the_others_nothing(tmp_path: Path) -> None:
    make_identity(tmp_path / "agent", "far", 1_700_000_000.0)
    (tmp_path / "agent" / TOKEN).chmod(0o600)
    clock, lines, port = FakeClock(1_800_000_000.0), Lines(), free_port()
    desk = Desk(clock)
    nodes = (entry(tmp_path / "agent", "gpu01", port), entry(tmp_path / "agent", "dead", free_port()))
    hub = make_hub(tmp_path / "state", lines, Config(nodes=nodes), clock)
    duty = Collecting(pause_seconds=0.05)

    async def do(seconds: float = 0.0) -> None:
        clock.advance(seconds)
        await duty.do(hub, clock.now())

    async def numbers_come() -> bool:
        await do()
        return desk.asked > 2 and value(hub, "host.load", "gpu01") is not None

    async with agent(tmp_path / "agent", desk, port):
        await eventually_async(numbers_come, 20)
        track = hub.table.find(SeriesKey("host.load", "node:gpu01"))
        assert track is not None
        assert abs(track.at - clock.now()) < 1  # not an hour in the future
        assert hub.ways.find("gpu01") is not None
        assert hub.ways.find("dead") is None
        await do(AWAY_SECONDS + ACCOUNT_SECONDS)
        (found,) = hub.board.findings()
        assert (found.check, str(found.subject)) == ("node.reached", "node:dead")
        assert "does the agent run there" in found.message
        assert (value(hub, "hub.node_up", "gpu01"), value(hub, "hub.node_up", "dead")) == (1.0, 0.0)
        assert abs(float(str(value(hub, "hub.clock_offset_seconds", "gpu01"))) - AHEAD) < 60
    told = [one for one in lines.told if "node dead" in one]
    assert len(told) == 1

    async def lost() -> bool:
        await do()
        return hub.ways.find("gpu01") is None

    await eventually_async(lost, 20)
    await do(AWAY_SECONDS + ACCOUNT_SECONDS)
    await do(AWAY_SECONDS + ACCOUNT_SECONDS)
    assert {one.subject.name for one in hub.board.findings()} == {"gpu01", "dead"}
    async with agent(tmp_path / "agent", desk, port):

        async def back() -> bool:
            await do(ACCOUNT_SECONDS)
            return {one.subject.name for one in hub.board.findings()} == {"dead"}

        await eventually_async(back, 20)
        settled = replace(hub, wiring=replace(hub.wiring, config=Config(nodes=nodes[:1])))
        await duty.do(settled, clock.now() + ACCOUNT_SECONDS)
        assert set(duty.posts) == {hub.here, "gpu01"}
        assert list(hub.board.findings()) == []
        await asyncio.wait_for(duty.close(), 10)
    assert any("node gpu01 is reached again" in one for one in lines.told)


async def test_this_machine_gives_numbers_with_nothing_declared(tmp_path: Path) -> None:
    hub = make_hub(tmp_path)
    duty = Collecting()

    async def numbers_come() -> bool:
        await duty.do(hub, hub.wiring.clock.now())
        return hub.table.count > 20

    await eventually_async(numbers_come, 20)
    await duty.close()
