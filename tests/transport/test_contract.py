"""The contract of a transport, over the local machine, a recording of it, and that recording played back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keepwell.testing.node import RecordedNode
from keepwell.testing.transport_contract import (
    CHANGING,
    EXACT,
    READING,
    Changing,
    Exact,
    Reading,
    World,
    build_world,
    serve_world,
)
from keepwell.transport.base import ExactHands, Hands, Transport
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.record import Recording
from keepwell.transport.recorded.tape import Tape, TapeFile
from keepwell.transport.recorded.tape_file import parse_tape, render_tape
from tests.support import free_port


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    build_world(tmp_path)
    async with serve_world(tmp_path, free_port()) as made:
        yield made


@pytest.fixture
async def local() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport()
    yield transport
    await transport.close()


@pytest.mark.parametrize("holds", READING)
async def test_local(holds: Reading, local: LocalTransport, world: World) -> None:
    assert isinstance(local, Hands)
    await holds(local, world)


@pytest.mark.parametrize("holds", READING)
async def test_recorded_and_played(holds: Reading, local: LocalTransport, world: World) -> None:
    recording = Recording(local)
    assert isinstance(recording, Transport)
    await holds(recording, world)
    tape = recording.tape(7.0)
    played = parse_tape(render_tape(tape))
    assert played == tape
    node = RecordedNode(played)
    assert isinstance(node, Hands)
    await holds(node, world)


@pytest.mark.parametrize("holds", CHANGING)
async def test_local_changes(holds: Changing, local: LocalTransport, world: World) -> None:
    await holds(local, world)


@pytest.mark.parametrize("holds", EXACT)
async def test_local_exact_changes(holds: Exact, local: LocalTransport, world: World) -> None:
    assert isinstance(local, ExactHands)
    await holds(local, world)


@pytest.mark.parametrize("holds", CHANGING)
async def test_memory_changes(holds: Changing, local: LocalTransport, world: World) -> None:
    node = RecordedNode(Tape(name="memory", files=await _files(local, world)))
    await holds(node, world)


async def _files(local: LocalTransport, world: World) -> dict[str, TapeFile]:
    """What lies in the world, seen through a recording."""
    recording = Recording(local)
    names = [*await local.list(world.folder), "below/one"]
    for path in [world.path(name) for name in names]:
        found = await recording.stat(path, follow=False)
        if found.kind == "file":
            await recording.read(path)
        if found.kind == "link":
            await recording.link(path)
    return dict(recording.tape(0.0).files)


async def test_calls_run_side_by_side(local: LocalTransport) -> None:
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(local.run(["sleep", "0.3"]) for _ in range(5)))
    assert asyncio.get_running_loop().time() - started < 1.2
