"""Bad networks between us and a node: cuts, black holes, a far end that is killed. Nothing hangs, nothing leaks."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from keepwell.core.errors import AccessError, TimedOut, Unreachable
from keepwell.testing.relay import Relay, relay_to
from keepwell.testing.sshd import Sshd, find_sshd, run_sshd
from keepwell.transport.ssh.way import SshTransport, open_ssh
from tests.support import eventually_async

pytestmark = pytest.mark.skipif(not find_sshd(), reason="no sshd here")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
async def relay(sshd: Sshd) -> AsyncIterator[Relay]:
    async with relay_to(sshd.port) as made:
        yield made


@pytest.fixture
async def far(sshd: Sshd, relay: Relay) -> AsyncIterator[SshTransport]:
    transport = await open_ssh(sshd.node(port=relay.port))
    yield transport
    await transport.close()


async def _far_end(far: SshTransport) -> int:
    return int((await far.run(["sh", "-c", "echo $PPID"])).text)


async def _ends(number: int) -> None:
    async def gone() -> bool:
        return not Path(f"/proc/{number}").exists()

    await eventually_async(gone, what=f"the far end {number} has ended")


async def test_a_cut_in_the_middle_of_a_read(far: SshTransport, relay: Relay, sshd: Sshd, tmp_path: Path) -> None:
    logins = sshd.logins
    (tmp_path / "big").write_bytes(os.urandom(900_000))
    before = await _far_end(far)
    relay.cut_after_bytes = relay.passed_bytes + 300_000
    calls = [far.read(str(tmp_path / "big")), far.run(["sleep", "60"], timeout_seconds=60), far.read("/proc/version")]
    got = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(got[0], Unreachable)
    assert isinstance(got[1], Unreachable)
    assert "sleep 60" in str(got[1])
    assert len(await far.read(str(tmp_path / "big"))) == 900_000, "the next call opens a new line"
    assert sshd.logins == logins + 1
    await _ends(before)


async def test_every_waiting_call_is_told_and_one_line_is_opened(far: SshTransport, relay: Relay, sshd: Sshd) -> None:
    logins = sshd.logins
    waiting = [asyncio.create_task(far.run(["sleep", "60"], timeout_seconds=60)) for _ in range(50)]
    await far.read("/proc/version")
    relay.cut()
    got = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, Unreachable) for one in got)
    await asyncio.gather(*(far.read("/proc/version") for _ in range(50)))
    assert sshd.logins == logins + 1


async def test_a_far_end_that_is_killed(far: SshTransport) -> None:
    number = await _far_end(far)
    waiting = asyncio.create_task(far.run(["sleep", "60"], timeout_seconds=60))
    await far.read("/proc/version")
    os.kill(number, signal.SIGKILL)
    with pytest.raises(Unreachable, match="lost"):
        await waiting
    assert await _far_end(far) != number


async def test_a_black_hole_costs_each_call_its_own_limit(far: SshTransport, relay: Relay) -> None:
    number = await _far_end(far)
    relay.freeze()
    started = asyncio.get_running_loop().time()
    calls = [far.run(["true"], timeout_seconds=0.3), far.http("GET", "http://127.0.0.1:9/", timeout_seconds=0.2)]
    got = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in got] == [TimedOut, TimedOut]
    assert asyncio.get_running_loop().time() - started < 4
    await far.close()
    relay.cut()
    await _ends(number)


async def test_an_answer_that_comes_too_late_harms_nobody(far: SshTransport, relay: Relay, sshd: Sshd) -> None:
    logins = sshd.logins
    relay.freeze()
    with pytest.raises(TimedOut):
        await far.run(["echo", "old"], timeout_seconds=0.1)
    relay.thaw()
    assert (await far.run(["echo", "new"])).text == "new\n"
    assert sshd.logins == logins


async def test_a_node_that_is_gone_for_good_is_asked_once(far: SshTransport, relay: Relay, sshd: Sshd) -> None:
    await far.read("/proc/version")
    relay.refuse = True
    relay.cut()

    async def lost() -> bool:
        try:
            await far.read("/proc/version")
        except Unreachable:
            return True
        return False

    await eventually_async(lost)
    with pytest.raises(Unreachable):
        await far.read("/proc/version")
    relay.refuse = False
    logins = sshd.logins
    got = await asyncio.gather(*(far.read("/proc/version") for _ in range(20)), return_exceptions=True)
    assert all(isinstance(one, AccessError) for one in got)
    assert sshd.logins == logins, "one that could not be opened again is not tried for every call"
