"""Collecting from a node over a real SSH server, without keepwell at the other end."""

from __future__ import annotations

from pathlib import Path

from keepwell.app.hub.collecting import Collecting
from keepwell.config.model import Config
from keepwell.core.observation import Missing
from keepwell.core.series import SeriesKey
from keepwell.testing.sshd import find_sshd, run_sshd
from tests.app.hub.made import make_hub
from tests.engines.real import skip
from tests.support import eventually_async


async def test_a_node_over_ssh_gives_numbers(tmp_path: Path) -> None:
    if not find_sshd():
        skip("no sshd: on Debian: apt install openssh-server")
    with run_sshd(tmp_path / "sshd") as server:
        hub = make_hub(tmp_path / "state", config=Config(nodes=(server.node("gpu01"),)))
        duty = Collecting()

        async def numbers_come() -> bool:
            await duty.do(hub, hub.wiring.clock.now())
            track = hub.table.find(SeriesKey("host.cores", "node:gpu01"))
            return track is not None and not isinstance(track.value, Missing)

        await eventually_async(numbers_come, 30)
        assert hub.ways.find("gpu01") is not None
        await duty.close()
        assert hub.ways.find("gpu01") is None
