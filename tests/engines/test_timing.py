"""Engines that tell how long a request took, and those that only answer."""

from __future__ import annotations

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.core.ref import engine
from keepwell.plugins import registry
from keepwell.plugins.place import Site
from keepwell.plugins.timing import Timed, TimesGeneration, Wanted, row_of_timed
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import Fault
from keepwell.transport.local import LocalTransport

KINDS = ("ollama", "vllm", "openai")


async def _time(
    kind: str, fake: FakeEngine, transport: LocalTransport, model: str = "", tokens: int = 8
) -> Timed | Missing:
    plugin = registry.load("engines", kind)
    assert isinstance(plugin, TimesGeneration)
    site = Site(ref=engine("node", kind), engine=kind, url=fake.url, process=absent("not seen"))
    wanted = Wanted(model=model or fake.state.models[0].name, prompt="one two three", tokens=tokens, seconds=5.0)
    return await plugin.time_generation(site, transport, wanted)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_is_counted_and_timed(kind: str, transport: LocalTransport) -> None:
    async with FakeEngine(kind) as fake:
        found = await _time(kind, fake, transport)
    assert not isinstance(found, Missing)
    assert found.output_tokens == 8
    assert found.input_tokens == 3
    assert found.seconds > 0


async def test_what_vllm_s_sums_grew_by_is_this_request_s(transport: LocalTransport) -> None:
    async with FakeEngine("vllm") as fake:
        found = await _time("vllm", fake, transport)
    assert not isinstance(found, Missing)
    assert (found.input_seconds, found.output_seconds, found.queue_seconds) == (0.125, 0.5, 0.0625)
    assert found.timed_tokens == 7


async def test_sums_of_several_requests_are_not_taken_for_one(transport: LocalTransport) -> None:
    async with FakeEngine("vllm") as fake:
        await fake.set_fault(Fault.BROKEN, "/metrics")
        found = await _time("vllm", fake, transport)
    assert not isinstance(found, Missing)
    assert isinstance(found.output_seconds, Missing)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_model_or_a_dead_engine_is_a_reason(kind: str, transport: LocalTransport) -> None:
    async with FakeEngine(kind) as fake:
        wrong = await _time(kind, fake, transport, model="nope")
        await fake.set_fault(Fault.DROP)
        dead = await _time(kind, fake, transport)
    assert isinstance(wrong, Missing)
    assert isinstance(dead, Missing)


async def test_no_option_is_sent_for_which_a_model_is_loaded_anew(transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as fake:
        await _time("ollama", fake, transport)
        asked = fake.requests[-1].json()
    assert asked["options"] == {"num_predict": 8, "temperature": 0}
    assert "keep_alive" not in asked


def test_what_is_missing_is_left_out_of_a_row() -> None:
    row = row_of_timed("again", Timed(seconds=1.0, output_tokens=3, load_seconds=0.5))
    assert row == {"kind": "again", "seconds": 1.0, "output_tokens": 3, "timed_tokens": 3, "load_seconds": 0.5}
