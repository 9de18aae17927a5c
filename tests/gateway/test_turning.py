"""Device time and requests in one line: a data plane of its own process, a fake engine, and programs that ask."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import msgspec
import pytest

from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.core.hours import Hours
from keepwell.core.job import ProcessId
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import Fault
from keepwell.transport.local import LocalTransport, local_name
from keepwell.turns.asking import Asker
from keepwell.turns.book import load_book, save_rules
from keepwell.turns.living import identify
from keepwell.turns.words import Device, Place, Rules, Window, Wish
from tests.gateway.made import chat, read_answer
from tests.gateway.planes import SECONDS, RunningPlane, render, running_plane
from tests.gateway.processes import ask as ask_for
from tests.gateway.processes import gateway_before_fakes
from tests.support import eventually_async

GIB = 1024**3
RULES = Rules(devices=(Device(name="box/0", memory_bytes=24 * GIB, replicas=("box/0",)),))
ALL_DAY = Window(device="box/0", holders=("night",), hours=Hours("00:00", "00:00"))


def wish(name: str, process: ProcessId | None = None, memory: int = 0) -> Wish:
    """All of the device, or a part of it."""
    return Wish(id=name, holder=name, device="box/0", memory_bytes=memory, process=process)


async def ask(asker: Asker, *, adopts: bool = False) -> Place:
    """Asked in a thread, as programs do it."""
    return await asyncio.to_thread(asker.ask, adopts=adopts)


async def has(asker: Asker) -> Place:
    """Once it has it."""
    found: list[Place] = []

    async def held() -> bool:
        found.append(await ask(asker))
        return found[-1].held

    await eventually_async(held, SECONDS, "its turn")
    return found[-1]


async def begin(plane: RunningPlane) -> asyncio.Task[int]:
    """A request that nobody answers yet."""
    return asyncio.create_task(status_of(plane))


async def status_of(plane: RunningPlane) -> int:
    """Of one request."""
    return (await plane.ask()).status


async def waits(task: asyncio.Task[int], plane: RunningPlane) -> None:
    """It is in the line, and stays there."""

    async def in_line() -> bool:
        found = find_serving(await ask_planes(plane.state, LocalTransport()))
        return found is not None and found.waiting == 1

    await eventually_async(in_line, SECONDS, "the request to wait")
    assert not task.done()


async def test_requests_wait_while_somebody_has_the_device_and_are_answered_after(tmp_path: Path) -> None:
    save_rules(tmp_path, RULES)
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        first, second = Asker(tmp_path, wish("one")), Asker(tmp_path, wish("two"))
        assert (await has(first)).owner == plane.process.pid
        place = await ask(second)
        assert (place.stage, place.before, place.why) == ("waiting", 1, "one has it")
        request = await begin(plane)
        await waits(request, plane)
        await asyncio.to_thread(first.leave)
        assert await request == 200
        assert (await ask(second)).why == "requests are served there", "who waits for an answer goes first"
        await has(second)
        await asyncio.to_thread(second.leave)
        assert await status_of(plane) == 200


async def test_in_its_hours_a_job_waits_for_what_runs_and_no_new_request_is_served(tmp_path: Path) -> None:
    save_rules(tmp_path, Rules(devices=RULES.devices, windows=(ALL_DAY,)))
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        assert await status_of(plane) == 200
        await engine.set_fault(Fault.HANG)
        running = await begin(plane)

        async def works() -> bool:
            return len(engine.requests) > 1

        await eventually_async(works, SECONDS, "the request to be at work")
        night, day = Asker(tmp_path, wish("night")), Asker(tmp_path, wish("day"))
        assert (await ask(night)).stage == "clearing"
        assert (await ask(day)).stage == "early"
        asked = len(engine.requests)
        later = await begin(plane)
        await waits(later, plane)
        assert len(engine.requests) == asked
        await engine.set_fault(Fault.NONE)
        running.cancel()
        await has(night)
        await asyncio.to_thread(night.leave)
        assert await later == 200


async def test_who_has_the_device_asks_for_models_on_it_by_its_mark(tmp_path: Path) -> None:
    save_rules(tmp_path, RULES)
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        first = Asker(tmp_path, wish("mine"))
        await has(first)
        request = await begin(plane)
        await waits(request, plane)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        body = render("/v1/chat/completions", chat(), close=True).partition(b"\r\n")[2]
        writer.write(head + b"x-keepwell-turn: mine\r\n" + body.partition(b"\r\n")[2])
        async with asyncio.timeout(SECONDS):
            assert read_answer(await reader.read()).status == 200
        writer.close()
        assert not request.done()
        await asyncio.to_thread(first.leave)
        assert await request == 200


async def test_a_part_of_the_memory_lets_requests_through(tmp_path: Path) -> None:
    save_rules(tmp_path, RULES)
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        await has(Asker(tmp_path, wish("part", memory=8 * GIB)))
        assert await status_of(plane) == 200
        refused = await ask(Asker(tmp_path, wish("much", memory=80 * GIB)))
        assert (refused.stage, refused.why) == ("refused", "box/0 has 24 GiB")


async def test_a_killed_plane_loses_no_turn(tmp_path: Path) -> None:
    save_rules(tmp_path, RULES)
    own = identify(os.getpid())
    first, second = Asker(tmp_path, wish("one", own)), Asker(tmp_path, wish("two", own))
    async with FakeEngine("vllm") as engine:
        async with running_plane(tmp_path, engine) as plane:
            await has(first)
            await ask(second)
            plane.process.send_signal(signal.SIGKILL)
            await plane.process.wait()
            assert (await ask(first)).stage == "held"
            assert (await ask(second)).stage == "waiting", "asked in the book itself"
            assert (await ask(second)).owner == 0
        async with running_plane(tmp_path, engine) as plane:
            assert (await ask(second)).stage == "waiting"
            assert (await ask(first)).owner == plane.process.pid
            request = await begin(plane)
            await waits(request, plane)
            await asyncio.to_thread(first.leave)
            assert await request == 200
            await has(second)
            await asyncio.to_thread(second.leave)
    assert load_book(tmp_path).turns == ()


@pytest.mark.long
async def test_a_restart_of_the_gateway_keeps_every_turn(tmp_path: Path) -> None:
    own = identify(os.getpid())
    node = local_name()
    with gateway_before_fakes(tmp_path, 1) as running:
        first, second = (
            Asker(running.state, Wish(id=one, holder=one, device=node, process=own)) for one in ("one", "two")
        )
        before = (await has(first)).owner
        assert (await ask(second)).stage == "waiting"
        body = msgspec.json.encode(chat())
        request = asyncio.create_task(ask_for(running.port, "/v1/chat/completions", body))
        restarting = asyncio.create_task(running.run("gateway", "--restart"))
        stages = set()
        while not restarting.done():
            stages.add((await ask(second)).stage)
        assert (await restarting).returncode == 0
        assert stages == {"waiting"}, "nobody has it twice in between"

        async def moved() -> bool:
            place = await ask(first)
            return place.held and place.owner not in (0, before)

        await eventually_async(moved, SECONDS, "the next process to know of it")
        assert not request.done(), "who waits in the process before waits on"
        await asyncio.to_thread(first.leave)
        await asyncio.to_thread(second.leave)
        assert (await request).status == 200
        await has(second)


async def test_a_damaged_book_is_told_and_requests_are_served(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir(mode=0o700)
    (tmp_path / "devices" / "book.json").write_text("{")
    save_rules(tmp_path, RULES)
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        assert await status_of(plane) == 200
        assert (await ask(Asker(tmp_path, wish("one")))).stage == "waiting"
        (tmp_path / "devices" / "book.json").unlink()
        await has(Asker(tmp_path, wish("one")))


async def test_the_turn_of_a_killed_program_is_lost_by_time_alone_without_its_process(tmp_path: Path) -> None:
    save_rules(tmp_path, RULES)
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        sleeper = await asyncio.create_subprocess_exec("sleep", "60")
        await has(Asker(tmp_path, wish("dies", identify(sleeper.pid))))
        next_one = Asker(tmp_path, wish("next", identify(os.getpid())))
        assert (await ask(next_one)).why == "dies has it"
        sleeper.kill()
        await sleeper.wait()
        assert (await ask(next_one)).why == "dies has it", "it may only be slow to say so"
        assert plane.process.returncode is None


async def test_who_has_no_right_to_the_state_folder_is_not_asked(tmp_path: Path) -> None:
    save_rules(tmp_path, RULES)
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        assert (await plane.ask({}, path="/keepwell/turns?wish=%7B%7D")).status == 404
        (plate,) = (tmp_path / "gateway" / "planes").glob("*.json")
        plate.write_bytes(plate.read_bytes().replace(b'"secret":"', b'"secret":"00'))
        assert (await ask(Asker(tmp_path, wish("one")))).why == "the gateway starts, or does not answer"
