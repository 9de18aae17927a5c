"""Lanes over nodes whose workers are real and whose cluster is none: what they ask, and what becomes of a loss."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from keepwell.batch.asking import Ended
from keepwell.batch.job import Bounds, Target
from keepwell.batch.lane import Try
from keepwell.batch.ray_lanes import RayLane, check_address
from keepwell.batch.runner import Run
from keepwell.core.errors import ConfigurationError
from keepwell.testing.batch_stub import FAULTS, Plan
from keepwell.transport.clock import SystemClock
from tests.batch.parts import make_job, open_numbers, read_names, serving
from tests.batch.ray_workers import Hosts

QUICK = Bounds(concurrency=8, seconds=5.0, waits=0.05)


@asynccontextmanager
async def hosting(count: int, seconds: float = 5.0) -> AsyncIterator[Hosts]:
    hosts = await Hosts(count, seconds).ready()
    try:
        yield hosts
    finally:
        await asyncio.to_thread(hosts.close)


async def go(folder: Path, hosts: Hosts, count: int, *ports: int, bounds: Bounds = QUICK) -> Run:
    job = make_job(count, *ports, bounds=bounds)
    with open_numbers(folder, count) as journal:
        run = Run(job, journal, SystemClock(), lanes=hosts)
        await run.go()
    return run


async def test_all_nodes_ask_each_at_its_own_pace(tmp_path: Path) -> None:
    plan = Plan(seconds=0.02)
    async with serving(plan) as ports, hosting(3) as hosts:
        run = await go(tmp_path, hosts, 300, *ports, bounds=Bounds(concurrency=4, seconds=5.0))
    answered, errors = read_names(tmp_path)
    assert (len(set(answered)), len(answered), errors) == (300, 300, [])
    assert (plan.asked, run.told().at_a_time) == (300, 12)
    assert 4 < plan.highest <= 12


async def test_what_a_node_was_asked_is_asked_again_when_it_dies(tmp_path: Path) -> None:
    plan = Plan(seconds=0.02)
    async with serving(plan) as ports, hosting(2) as hosts:
        going = asyncio.create_task(go(tmp_path, hosts, 300, *ports))
        while plan.asked < 60:
            await asyncio.sleep(0)
        hosts.away.add("node1")
        hosts.made["node1"][0].kill()
        await going
    answered, errors = read_names(tmp_path)
    assert (len(set(answered)), len(answered), errors) == (300, 300, [])
    assert 300 <= plan.asked <= 308
    assert hosts.told == ["node1: it was killed"]


async def test_a_worker_is_started_again_where_its_node_lives_and_a_node_may_come(tmp_path: Path) -> None:
    plan = Plan(seconds=0.02)
    async with serving(plan) as ports, hosting(2) as hosts:
        hosts.hidden = 1
        going = asyncio.create_task(go(tmp_path, hosts, 900, *ports))
        while plan.asked < 60:
            await asyncio.sleep(0)
        hosts.made["node0"][0].kill()
        hosts.hidden = 0
        await going
        assert len(hosts.made["node0"]) == 2
    answered, errors = read_names(tmp_path)
    assert (len(set(answered)), errors) == (900, [])
    assert plan.highest > 8


async def test_faults_of_every_kind_are_tried_again(tmp_path: Path) -> None:
    plan = Plan(faults=dict.fromkeys(FAULTS, 0.03), seed=3)
    bounds = Bounds(concurrency=8, seconds=0.4, waits=0.05)
    async with serving(plan) as ports, hosting(2, 0.4) as hosts:
        await go(tmp_path, hosts, 80, *ports, bounds=bounds)
    answered, errors = read_names(tmp_path)
    assert sorted(answered + errors) == sorted(f"c{number}" for number in range(80))
    assert plan.asked > 80


async def test_nodes_without_an_engine_are_left_alone(tmp_path: Path) -> None:
    async with serving(Plan()) as (gone,):
        pass
    plan = Plan()
    async with serving(plan) as ports, hosting(2) as hosts:
        bounds = Bounds(concurrency=4, until=time.time() + 0.5)
        run = await go(tmp_path, hosts, 20, gone, *ports, bounds=bounds)
    assert (run.told().done, run.told().ended, run.told().at_a_time, plan.asked) == (0, "until", 0, 0)


def read(connection: socket.socket) -> bytes:
    """One request, which may come in parts."""
    data = b""
    while not data.endswith(b"\r\n\r\n{}") and (more := connection.recv(65536)):
        data += more
    return data


@contextmanager
def saying(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says one of these to each request, then closes; and what it was asked. b"" says nothing at all."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            left = list(answers)
            while left:
                connection, _ = server.accept()
                with connection:
                    while left and (data := read(connection)):
                        asked.append(data)
                        answer = left.pop(0)
                        if not answer:
                            connection.settimeout(10)
                            asked.append(b"ended " + connection.recv(1))
                            break
                        connection.sendall(answer.removesuffix(b"CLOSE"))
                        if answer.endswith(b"CLOSE"):
                            break

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        thread.join(10)


async def ask(hosts: Hosts, port: int, then: Callable[[Try], None] | None = None) -> Ended:
    """How one request ended."""
    found: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    lane = RayLane(hosts.nodes[0], Target(url=f"http://{{node}}:{port}/pre", api_key="secret"), 5.0)
    made = lane.ask("POST", "/v1/ä", b"{}", lambda _, ended: found.set_result(ended))
    if then is not None:
        then(made)
    return await found


WELL = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Some: thing\r\n\r\n{}"


async def test_a_request_is_as_any_of_a_batch() -> None:
    with saying(WELL + b"CLOSE") as (port, asked):
        async with hosting(1) as hosts:
            ended = await ask(hosts, port)
    assert asked[0].startswith(b"POST /pre/v1/%C3%A4 HTTP/1.1\r\n")
    for line in (b"Authorization: Bearer secret\r\n", b"X-Keepwell-Priority: batch\r\n", b"Content-Length: 2\r\n"):
        assert line in asked[0]
    assert ended.head is not None
    assert (ended.failure, ended.head.status, ended.body) == ("", 200, b"{}")
    assert dict(ended.head.headers)[b"x-keepwell-replica"] == b"node0"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}CLOSE", "cut"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{}CLOSE", "cut"),
        (b"nonsense\r\n\r\nCLOSE", "cut"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}CLOSE", ""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nCLOSE", ""),
    ],
)
async def test_what_is_no_whole_answer_is_told(answer: bytes, failure: str) -> None:
    with saying(answer) as (port, _):
        async with hosting(1) as hosts:
            ended = await ask(hosts, port)
    assert (ended.failure, ended.body) == (failure, b"{}" * (not failure))


async def test_a_kept_connection_that_had_ended_is_replaced() -> None:
    with saying(WELL, b"CLOSE", WELL + b"CLOSE") as (port, asked):
        async with hosting(1) as hosts:
            first = await ask(hosts, port)
            second = await ask(hosts, port)
    assert (first.failure, second.failure, second.body, len(asked)) == ("", "", b"{}", 3)


async def test_what_nobody_waits_for_is_cut_at_the_engine() -> None:
    with saying(b"") as (port, asked):
        async with hosting(1) as hosts:

            def soon(made: Try) -> None:
                async def wait() -> None:
                    while not asked:
                        await asyncio.sleep(0.01)
                    made.give_up("timeout", "too long")
                    made.give_up("timeout", "twice is once")

                tasks.append(asyncio.create_task(wait()))

            tasks: list[asyncio.Task[None]] = []
            ended = await ask(hosts, port, soon)
            while len(asked) < 2:
                await asyncio.sleep(0.01)
    assert (ended.failure, ended.why, asked[1]) == ("timeout", "too long", b"ended ")


async def test_where_nothing_listens_nothing_was_sent() -> None:
    async with serving(Plan()) as (gone,):
        pass
    async with hosting(1) as hosts:
        ended = await ask(hosts, gone)
        assert ended.failure == "connect"
        assert not await hosts.nodes[0].answers(f"http://127.0.0.1:{gone}")
        hosts.made["node0"][0].kill()
        assert (await ask(hosts, gone)).failure == "cut"
        assert (await ask(hosts, gone)).why == "node0 has no worker now"


@pytest.mark.parametrize("url", ["http://", "ftp://x", "http://x:0", "http://x:99999", "http://x?y", "x"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not an address"):
        check_address(url)
