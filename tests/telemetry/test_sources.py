"""Samples of this machine, of an agent and of a plain far end, asked for as the hub asks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from keepwell.app.agent_identity import find_fingerprint, make_identity
from keepwell.config.model import NodeEntry
from keepwell.core.errors import AccessError, Unreachable
from keepwell.core.observation import Missing
from keepwell.core.series import Batch
from keepwell.telemetry.desk import LEASE_SECONDS, SampleDesk
from keepwell.telemetry.rounds import Plan
from keepwell.telemetry.sampling import load_collectors
from keepwell.telemetry.sources import AgentSource, FarSource, HereSource, Source, open_source
from keepwell.testing.clock import FakeClock
from keepwell.testing.waiting import eventually
from keepwell.transport.agent.server import AgentServer, Identity
from keepwell.transport.agent.way import open_agent
from keepwell.transport.clock import SystemClock
from keepwell.transport.far.client import FarTransport
from keepwell.transport.talk import Line, Talk
from keepwell.transport.wire import Header
from tests.support import eventually_async
from tests.telemetry.made import Made, plan

FILES_ONLY = ("host_cpu", "host_memory", "host_pressure", "host_network", "host_disks", "host_space", "processes")


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("one") / "agent", "far", time.time())


@asynccontextmanager
async def agent(identity: Identity, desk: SampleDesk | None = None) -> AsyncIterator[FarTransport]:
    """A connection to an agent of another name; without a desk it is of a release that does not sample."""
    calls = {}
    if desk is not None:
        calls = {"samples": desk.answer}
    server = AgentServer(identity, changes=False, tell=[].append, calls=calls)
    async with server.listen("127.0.0.1", 0) as port:
        node = NodeEntry(
            name="near", address="127.0.0.1", reach="agent", port=port, fingerprint=find_fingerprint(identity)
        )
        transport = await open_agent(node, identity.token)
        try:
            yield transport
        finally:
            await transport.close()
            if desk is not None:
                desk.close()


class Counting(FarTransport):
    """Passes questions on, and keeps them."""

    def __init__(self, own: FarTransport) -> None:
        super().__init__(own.name, _no_dial)
        self.asked: list[Header] = []
        self._own = own

    async def gather(self, wanted: Header) -> tuple[Header, bytes]:
        self.asked.append(wanted)
        return await self._own.gather(wanted)


async def _no_dial(talk: Talk) -> Line:
    raise AssertionError("nothing is dialled here")


async def take_until(source: Source, metric: str, watched: dict[int, str] | None = None) -> list[Batch]:
    """Samples until one has a number of this metric."""
    got: list[Batch] = []

    async def look() -> bool:
        got.extend(await source.take(watched or {}))
        return any(
            key.metric == metric and not isinstance(value, Missing) for one in got for key, value in one.readings
        )

    await eventually_async(look, 20, metric)
    return got


async def test_this_machine_is_sampled_in_a_thread() -> None:
    one = Made(every_seconds=0.05)
    source = HereSource(plan([], one=one), SystemClock())
    assert await source.take({}) == () or one.looks
    got = await take_until(source, "host.load")
    await take_until(source, "host.load")
    assert {batch.node for batch in got} == {"far"}
    assert [batch.at for batch in got] == sorted(batch.at for batch in got)
    await source.close()
    assert one.closed == 1


async def test_an_agent_tells_of_its_machine_by_our_name_for_it(identity: Identity) -> None:
    collectors = {name: one for name, one in load_collectors(here=False).items() if name in FILES_ONLY}
    desk = SampleDesk(lambda: Plan(node="far", collectors=collectors, tell=[].append, every_seconds=0.1), SystemClock())
    async with agent(identity, desk) as transport:
        source = AgentSource("near", transport)
        watched = {os.getpid(): "engine:near/one"}
        got = await take_until(source, "process.memory_bytes", watched)
        got += await take_until(source, "host.cpu_busy_ratio", watched)
        subjects = {key.subject.partition(":")[2].partition("/")[0] for one in got for key, _ in one.readings}
        assert subjects == {"near"}
        assert {one.node for one in got} == {"near"}
        assert any(key.subject == "engine:near/one" for one in got for key, _ in one.readings)
        times = [one.at for one in got]
        assert times == sorted(times)


async def test_two_who_call_a_node_by_other_names_each_get_their_own(identity: Identity) -> None:
    collectors = {"processes": load_collectors(here=False)["processes"]}
    desk = SampleDesk(lambda: Plan(node="far", collectors=collectors, tell=[].append, every_seconds=0.1), SystemClock())
    async with agent(identity, desk) as transport:
        for name in ("near", "box"):
            source = AgentSource(name, transport)
            got = await take_until(source, "process.threads", {os.getpid(): f"engine:{name}/one"})
            told = {key.subject for one in got for key, _ in one.readings if key.metric == "process.threads"}
            assert told == {f"engine:{name}/one"}
        restarts = [value for one in got for key, value in one.readings if key.metric == "process.restarts_total"]
        assert set(restarts) == {0}


async def test_an_agent_samples_only_while_somebody_asks(identity: Identity) -> None:
    clock, one = FakeClock(), Made(every_seconds=0.0)
    made: list[bool] = []

    def make() -> Plan:
        made.append(threading.current_thread() is threading.main_thread())
        return plan([], one=one)

    desk = SampleDesk(make, clock)
    async with agent(identity, desk) as transport:
        assert (one.looks, made) == (0, [])
        source = AgentSource("near", transport)
        await take_until(source, "host.load")
        assert desk.sampling
        clock.advance(LEASE_SECONDS + 1)
        eventually(lambda: not desk.sampling and one.closed == 1)
        looks = one.looks

        async def again() -> bool:
            await source.take({})
            return one.looks > looks

        await eventually_async(again)
        assert made == [False]


async def test_an_agent_whose_collectors_cannot_be_loaded_says_so(identity: Identity) -> None:
    def make() -> Plan:
        raise ImportError("no such library")

    async with agent(identity, SampleDesk(make, SystemClock())) as transport:
        source = AgentSource("near", transport)

        async def refused() -> bool:
            try:
                await source.take({})
            except AccessError as error:
                return "ImportError: no such library" in str(error)
            return False

        await eventually_async(refused)


async def test_without_samples_there_are_looks_through_the_connection(identity: Identity) -> None:
    far = Plan(
        node="near",
        collectors={name: one for name, one in load_collectors(here=False).items() if name in FILES_ONLY},
        tell=[].append,
    )
    async with agent(identity) as transport:
        clock = SystemClock()
        source = await open_source(far, clock, transport, far)
        assert isinstance(source, FarSource)
        (batch,) = await source.take({os.getpid(): "engine:near/one"})
        told = {(key.metric, key.labels): value for key, value in batch.readings}
        assert not isinstance(told["host.memory_total_bytes", ()], Missing)
        assert not isinstance(told["process.alive", ()], Missing)
        assert any(key.subject == "mount:near//" for key, _ in batch.readings)
        assert not [reason for reason in told.values() if isinstance(reason, Missing) and "fetched" in reason.reason]
        await source.close()


async def test_a_look_through_a_connection_is_one_exchange(identity: Identity) -> None:
    clock = FakeClock()
    one = Made(every_seconds=1, paths=["/proc/stat", "/proc/meminfo", "/proc/loadavg"])
    slow = Made(every_seconds=60, paths=["/proc/vmstat"])
    async with agent(identity) as transport:
        counting = Counting(transport)
        source = FarSource(plan([], one=one, slow=slow), clock, counting)
        await source.take({})
        for second in range(3):
            clock.advance(1)
            counting.asked.clear()
            (batch,) = await source.take({})
            assert len(counting.asked) == 1, second
            assert [path for path, _ in counting.asked[0]["read"]] == one.paths
            assert batch.readings
        await source.close()


async def test_a_lost_connection_is_an_access_error(identity: Identity, tmp_path: Path) -> None:
    desk = SampleDesk(lambda: plan([], one=Made()), SystemClock())
    async with agent(identity, desk) as transport:
        source = AgentSource("near", transport)
        await source.take({})
        await transport.close()
        with pytest.raises(AccessError):
            await source.take({})
        far = plan([], one=Made())
        with pytest.raises(Unreachable):
            await open_source(far, SystemClock(), transport, far)
