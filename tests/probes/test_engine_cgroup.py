"""Probes of level 2 about an engine, at a real process (this one) and at one that is gone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from keepwell.core.observation import Missing, Value, absent
from keepwell.core.ref import engine, node
from keepwell.core.values import row_of
from keepwell.plugins import registry
from keepwell.plugins.place import Place, ServingProcess, Site
from keepwell.plugins.probe import Probe
from keepwell.testing.clock import FakeClock
from keepwell.transport.local import LocalTransport

PROBES = ("engine_cgroup", "gpu_access")
GONE = 2**22 + 1


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport("here")
    yield transport
    await transport.close()


def _place(here: LocalTransport, process: ServingProcess | Missing) -> Place:
    site = Site(ref=engine("here", "x"), engine="x", url="http://127.0.0.1:1", process=process)
    return Place(node=node("here"), transport=here, clock=FakeClock(), site=site)


def _process(pid: int) -> ServingProcess:
    return ServingProcess(pid=pid, argv=("x",), environment={}, user="x", uid=os.getuid(), gid=os.getgid())


async def _observe(name: str, place: Place) -> Value | Missing:
    probe = registry.load("probes", name)
    assert isinstance(probe, Probe)
    (found,) = await probe.observe(place)
    assert found.subject == engine("here", "x")
    return found.value


async def test_the_control_group_of_this_process(here: LocalTransport) -> None:
    found = row_of(await _observe("engine_cgroup", _place(here, _process(os.getpid()))))
    assert found["version"] in (1, 2)
    assert str(found["path"]).startswith("/")
    assert all(isinstance(found[key], int) for key in found if key.endswith("_bytes"))


@pytest.mark.parametrize("name", PROBES)
async def test_a_process_that_is_gone_is_a_reason_and_no_crash(name: str, here: LocalTransport) -> None:
    assert isinstance(await _observe(name, _place(here, _process(GONE))), Missing)


@pytest.mark.parametrize("name", PROBES)
async def test_nothing_runs(name: str, here: LocalTransport) -> None:
    found = await _observe(name, _place(here, absent("nothing serves")))
    assert found == absent("nothing serves")
