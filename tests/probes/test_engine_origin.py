"""engine.origin_check: three harmless requests."""

from __future__ import annotations

from dataclasses import replace

from keepwell.core.observation import Missing
from keepwell.core.values import row_of
from keepwell.plugins.place import Place
from keepwell.probes.engine_origin import HOST, ORIGIN, PATH, PROBE
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Reply
from keepwell.transport.recorded.tape import Exchange, Refusal, Tape
from tests.machines import Machine, about
from tests.probes.engines import REF, PlainEngine, place_of

URL = f"http://127.0.0.1:7000{PATH}"


def guarded(plain: int, origin: int, host: int) -> Place:
    """A place whose engine answers a plain request, one with an Origin and one with a Host like this."""
    exchanges = (
        Exchange(method="GET", url=URL, answer=Reply(status=plain)),
        Exchange(method="GET", url=URL, headers={"origin": ORIGIN}, answer=Reply(status=origin)),
        Exchange(method="GET", url=URL, headers={"host": HOST}, answer=Reply(status=host)),
    )
    return replace(place_of(Machine(), PlainEngine()), transport=RecordedNode(Tape(name="node", exchanges=exchanges)))


async def test_each_answer_is_told_with_the_setting_that_would_allow_it() -> None:
    (seen,) = await PROBE.observe(guarded(200, 403, 404))
    row = row_of(seen.value)
    assert (row["plain_status"], row["status"], row["host_status"]) == (200, 403, 404)
    assert row["setting"] == "MADE_ORIGINS"


async def test_an_engine_that_is_known_to_be_silent_is_not_asked() -> None:
    machine = Machine()
    health = about("engine.health", {"state": "silent"}, subject=REF)
    (seen,) = await PROBE.observe(place_of(machine, PlainEngine(), health))
    assert isinstance(seen.value, Missing)
    assert not machine.node.calls


async def test_no_answer_is_failed() -> None:
    machine = Machine()
    machine.node.reply("GET", URL, Refusal(kind="TimedOut", what="late"))
    (seen,) = await PROBE.observe(place_of(machine, PlainEngine()))
    assert isinstance(seen.value, Missing)
    assert "late" in seen.value.reason
