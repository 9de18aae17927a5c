"""The one place that asks engines for their numbers: politely, and none at the cost of another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.core.ref import engine as engine_ref
from keepwell.core.series import Batch, SeriesKey
from keepwell.plugins.page_teller import PAGE_SECONDS
from keepwell.plugins.place import Site
from keepwell.plugins.services import ServiceSite
from keepwell.telemetry.asking import ABSENT_SECONDS, PAUSE_SECONDS, Asker
from keepwell.testing.engine import FakeEngine, Fault
from keepwell.testing.services import ServiceFake
from keepwell.testing.waiting import LOOK_SECONDS
from keepwell.transport.base import Reply
from keepwell.transport.local import LocalTransport

#: Rounds of the loop within which a fake on this machine answers.
PATIENCE = 500


def site(name: str, url: str, node: str = "node") -> Site:
    """An engine of this kind at this address."""
    return Site(ref=engine_ref(node, name), engine=name, url=url, process=absent("not looked for"))


@pytest.fixture
async def transport() -> AsyncIterator[LocalTransport]:
    """This machine."""
    local = LocalTransport("node")
    yield local
    await local.close()


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    """An asker, closed afterwards."""
    one = Asker()
    yield one
    await one.close()


async def gather(asker: Asker, clock: float, number: int = 1) -> list[Batch]:
    """Batches that come in while the clock stands still."""
    found: list[Batch] = []
    for _ in range(PATIENCE):
        found += asker.ask(1_000_000.0 + clock, clock)
        if len(found) >= number:
            return found
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"{len(found)} answers where {number} were awaited")


def asked(fake: FakeEngine) -> int:
    """Questions for a page."""
    return sum(request.path == "/metrics" for request in fake.requests)


def value(batches: list[Batch], metric: str) -> float | Missing:
    """The last number of a metric."""
    return [told for batch in batches for key, told in batch.readings if key.metric == metric][-1]


async def test_an_engine_is_asked_no_sooner_than_it_allows(asker: Asker, transport: LocalTransport) -> None:
    async with FakeEngine("vllm") as fake:
        fake.state.running = 2
        asker.watch("node", [site("vllm", fake.url)], transport)
        batches = await gather(asker, 10.0)
        assert value(batches, "engine.requests_running") == 2
        assert batches[0].node == "node"
        assert batches[0].at >= 1_000_010
        seconds = value(batches, "engine.asked_seconds")
        assert isinstance(seconds, float)
        assert 0 < seconds < 5
        for clock in (10.1, 11.0, 10 + PAGE_SECONDS - 0.1):
            assert asker.ask(1_000_000 + clock, clock) == []
            await asyncio.sleep(LOOK_SECONDS)
        assert asked(fake) == 1
        await gather(asker, 10.0 + PAGE_SECONDS)
        assert asked(fake) == 2
        asker.watch("node", [site("vllm", fake.url)], transport, least_seconds=5.0)
        await gather(asker, 20.0)
        assert asker.ask(0.0, 24.9) == []
        await gather(asker, 25.0)
        assert asked(fake) == 4


async def test_what_an_engine_never_tells_is_said_now_and_then(asker: Asker, transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as fake:
        asker.watch("node", [site("ollama", fake.url)], transport)
        first, second, later = [await gather(asker, clock) for clock in (0.0, 10.0, 70.0)]
        for batches in (first, later):
            told = value(batches, "engine.kv_cache_ratio")
            assert isinstance(told, Missing)
            assert told.reason == "Ollama does not tell it"
        names = [key.metric for key, _ in first[0].readings]
        assert len(names) == len(set(names)) + len([one for one in names if one.endswith("_bucket_total")]) - 1
        assert "engine.kv_cache_ratio" not in {key.metric for key, _ in second[0].readings}


async def test_watching_again_keeps_what_is_known_and_lets_go_of_the_rest(
    asker: Asker, transport: LocalTransport
) -> None:
    async with FakeEngine("vllm") as first, FakeEngine("vllm") as second:
        both = [site("vllm", first.url), site("vllm", second.url)]
        asker.watch("node", both, transport)
        await gather(asker, 10.0, 2)
        asker.watch("node", both[:1], transport)
        asker.watch("other", [], transport)
        assert asker.ask(0.0, 10.2) == [], "it was asked again too soon"
        await gather(asker, 12.0)
        assert (asked(first), asked(second)) == (2, 1)
        asker.forget("node")
        assert asker.ask(0.0, 100.0) == []


async def test_one_that_is_away_is_asked_less_and_less_and_says_why(asker: Asker, transport: LocalTransport) -> None:
    fake = await FakeEngine("vllm").start()
    asker.watch("node", [site("vllm", fake.url)], transport)
    await gather(asker, 0.0)
    await fake.stop()
    clock, times = 1.0, []
    while clock < 120:
        batches = asker.ask(clock, clock)
        await asyncio.sleep(0)
        if batches:
            times.append(clock)
            told = value(batches, "engine.requests_running")
            assert isinstance(told, Missing)
            assert told.kind == "failed"
            assert {key.labels for batch in batches for key, _ in batch.readings if key.metric == "engine.awake"} == {
                (("model", "tiny-alpha"),)
            }, "the series that it had are told, not others"
        if asker.busy:
            await asyncio.sleep(LOOK_SECONDS)
        else:
            clock += 0.5
    assert 6 <= len(times) <= 9
    await fake.start()
    assert value(await gather(asker, clock + PAUSE_SECONDS), "engine.requests_running") == 0
    await fake.stop()


async def test_one_that_hangs_costs_no_other(asker: Asker, transport: LocalTransport) -> None:
    async with FakeEngine("vllm") as hanging, FakeEngine("vllm") as well:
        await hanging.set_fault(Fault.HANG)
        asker.watch("node", [site("vllm", hanging.url), site("vllm", well.url)], transport)
        for look in range(3):
            assert len(await gather(asker, look * PAGE_SECONDS)) == 1
        assert (asked(hanging), asked(well)) == (1, 3)


async def test_one_that_has_nothing_to_tell_is_asked_rarely(asker: Asker, transport: LocalTransport) -> None:
    async with FakeEngine("openai") as fake:
        asker.watch("node", [site("openai", fake.url)], transport)
        told = value(await gather(asker, 0.0), "engine.requests_running")
        assert isinstance(told, Missing)
        assert told.kind == "absent"
        for clock in (60.0, ABSENT_SECONDS - 1):
            assert asker.ask(clock, clock) == []
            await asyncio.sleep(LOOK_SECONDS)
        assert len(fake.requests) == 1
        await gather(asker, ABSENT_SECONDS)


async def test_a_bug_of_one_plug_in_is_told_and_costs_no_answer(asker: Asker, transport: LocalTransport) -> None:
    class Broken(LocalTransport):
        async def http(
            self,
            method: str,
            url: str,
            *,
            headers: Mapping[str, str] | None = None,
            body: bytes = b"",
            timeout_seconds: float = 1.0,
            max_bytes: int = 1,
        ) -> Reply:
            raise ZeroDivisionError("a bug")

    async with FakeEngine("vllm") as fake:
        asker.watch("node", [site("vllm", fake.url)], transport)
        asker.watch("other", [site("vllm", fake.url, "other")], Broken("other"))
        bugs, batches = 0, []
        for _ in range(PATIENCE):
            try:
                batches += asker.ask(0.0, 0.0)
            except ZeroDivisionError:
                bugs += 1
            if batches and bugs:
                break
            await asyncio.sleep(LOOK_SECONDS)
        assert bugs == 1
        assert [one.node for one in batches] == ["node"]


@pytest.mark.parametrize(("kind", "key"), [("node_exporter", "node:node"), ("dcgm_exporter", "device:node/0")])
async def test_exporters_are_asked_about_their_node(
    kind: str, key: str, asker: Asker, transport: LocalTransport
) -> None:
    async with ServiceFake(kind) as fake:
        asker.watch("node", [], transport, [ServiceSite(kind=kind, url=fake.url), ServiceSite(kind="grafana")])
        batches = await gather(asker, 0.0)
        told = {one: told for one, told in batches[0].readings if not isinstance(told, Missing)}
        assert {one.subject for one in told} == {key}
        assert told.get(SeriesKey("host.memory_total_bytes", key), 2.5e10) == 2.5e10


async def test_it_ends_with_questions_under_way(transport: LocalTransport) -> None:
    asker = Asker()
    async with FakeEngine("vllm") as fake:
        await fake.set_fault(Fault.HANG)
        asker.watch("node", [site("vllm", fake.url)], transport)
        asker.ask(0.0, 0.0)
        await asyncio.sleep(LOOK_SECONDS)
        await asker.close()
        await asker.close()
        assert asker.ask(1.0, 1.0) == []
