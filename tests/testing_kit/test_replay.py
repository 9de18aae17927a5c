"""A real machine becomes a case: every probe of a node sees the same again in the recording of what it looked at.

A probe that reads the world past its transport or its clock fails here.
"""

from __future__ import annotations

from typing import cast

import pytest

from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import node
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Probe
from keepwell.plugins.registry import load, names
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Transport
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.record import Recording
from keepwell.transport.recorded.tape_file import parse_tape, render_tape


def _quiet(name: str) -> bool:
    probe = cast(Probe, load("probes", name))
    return probe.about == "node" and probe.effect == "none"


async def _look(probe: Probe, transport: Transport, seen: Seen) -> list[Observation]:
    place = Place(node=node("n"), transport=transport, clock=FakeClock(), seen=seen)
    return list(await probe.observe(place))


@pytest.mark.parametrize("name", [name for name in names("probes") if _quiet(name)])
async def test_a_probe_sees_the_same_again(name: str) -> None:
    probe = cast(Probe, load("probes", name))
    local = LocalTransport(name="n")
    before: list[Observation] = []
    for other in [cast(Probe, load("probes", one)) for one in names("probes") if _quiet(one)]:
        if set(other.gives) & set(probe.needs):
            before += await _look(other, local, Seen(before))
    recording = Recording(local)
    seen = await _look(probe, recording, Seen(before))
    await local.close()
    tape = parse_tape(render_tape(recording.tape(0.0)))
    again = await _look(probe, RecordedNode(tape), Seen(before))
    assert [(one.name, one.subject, one.value) for one in again] == [(o.name, o.subject, o.value) for o in seen]
    assert [one.source for one in again] == [one.source for one in seen]
