"""Probes of the host beyond the recorded machines: this very machine, hanging mounts, times, rubbish."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import node
from keepwell.core.values import find_number, row_of, rows_of
from keepwell.formats.mounts import Mount
from keepwell.metrics import declared
from keepwell.plugins import registry
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Probe
from keepwell.plugins.topics import topic_of_package
from keepwell.probes.host_limits import count_owners, parse_file_numbers
from keepwell.probes.host_mounts import HostMounts, choose_mounts
from keepwell.probes.host_pools import parse_pools
from keepwell.probes.host_system import guess_virtual, parse_choice
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Space
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.tape import Refusal

NODE = node("box")


class SystemClock:
    """The machine's own time: these tests look at the machine itself."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some zero."""
        return time.monotonic()


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport("here")
    yield transport
    await transport.close()


def _level_two() -> list[str]:
    found = registry.load_all("probes").items()
    return [name for name, one in found if isinstance(one, Probe) and one.level == 2 and one.about == "node"]


async def _observe(name: str, place: Place) -> dict[str, Observation]:
    probe = registry.load("probes", name)
    assert isinstance(probe, Probe)
    return {one.name: one for one in await probe.observe(place)}


@pytest.mark.parametrize("name", _level_two())
async def test_this_machine_can_be_looked_at(name: str, here: LocalTransport) -> None:
    place = Place(node=node("here"), transport=here, clock=SystemClock())
    for one in (await _observe(name, place)).values():
        assert one.name in declared()
        assert one.source
        if isinstance(one.value, Missing):
            assert one.value.reason


@pytest.mark.parametrize("name", _level_two())
async def test_an_empty_machine_is_no_crash(name: str) -> None:
    place = Place(node=NODE, transport=RecordedNode(), clock=FakeClock())
    for one in (await _observe(name, place)).values():
        if one.name == "host.pressure":
            assert isinstance(one.value, Missing)


async def test_this_machine_is_told_as_its_kernel_tells_it(here: LocalTransport) -> None:
    place = Place(node=node("here"), transport=here, clock=SystemClock())
    memory = await _observe("host_memory", place)
    total = find_number(memory["host.memory_total_bytes"].value)
    available = find_number(memory["host.memory_available_bytes"].value)
    assert total is not None
    assert available is not None
    assert 0 < available <= total
    mounts = rows_of((await _observe("host_mounts", place))["host.mounts"].value)
    root = next(row for row in mounts if row["path"] == "/")
    space = await here.space("/")
    assert root["total_bytes"] == space.total_bytes
    cpu = row_of((await _observe("host_cpu", place))["host.cpu"].value)
    assert int(str(cpu["cores"])) >= 1
    boot = rows_of((await _observe("host_timeline", place))["host.timeline"].value)[0]
    assert float(str(boot["at"])) < time.time()


class HangingNode(RecordedNode):
    """A node on which one file system never answers."""

    async def space(self, path: str) -> Space:
        """Waits for ever below /hang."""
        if path == "/hang":
            await asyncio.Event().wait()
        return await super().space(path)


async def test_a_mount_that_hangs_holds_nothing_up() -> None:
    machine = HangingNode()
    machine.files.put(
        "/proc/self/mountinfo",
        "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / /hang rw - ext4 /dev/b rw\n3 1 0:9 / /nas rw - nfs4 n:/ rw\n",
    )
    machine.set_space("/", Space(total_bytes=100, free_bytes=50, inodes=10, inodes_free=5, read_only=False))
    started = time.monotonic()
    (found,) = await HostMounts().observe(Place(node=NODE, transport=machine, clock=FakeClock()))
    assert time.monotonic() - started < 5
    rows = {str(row["path"]): row for row in rows_of(found.value)}
    assert rows["/"]["free_bytes"] == 50
    assert "no answer" in str(rows["/hang"]["not_asked"])
    assert "network" in str(rows["/nas"]["not_asked"])
    assert not [call for call in machine.calls if call == "space /nas"]


async def test_a_mount_that_may_not_be_asked_says_why() -> None:
    machine = RecordedNode()
    machine.files.put("/proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/a rw\n")
    machine.set_space("/", Refusal(kind="NotPermitted", what="Permission denied"))
    (found,) = await HostMounts().observe(Place(node=NODE, transport=machine, clock=FakeClock()))
    (row,) = rows_of(found.value)
    assert "Permission denied" in str(row["not_asked"])
    assert "free_bytes" not in row


def test_layers_of_containers_are_left_out() -> None:
    kinds = (
        ("/", "ext4"),
        ("/var/lib/docker/overlay2/x/merged", "overlay"),
        ("/snap/core/1", "squashfs"),
        ("/sys/x", "ext4"),
    )
    found = choose_mounts(Mount(path=path, kind=kind, device="d", options=()) for path, kind in kinds)
    assert [one.path for one in found] == ["/"]


@pytest.mark.parametrize(
    ("package", "topic"),
    [
        ("linux-image-6.8.0-49-generic", "kernel"),
        ("linux", "kernel"),
        ("linux-firmware", "driver"),
        ("kernel-core", "kernel"),
        ("kernel-tools", ""),
        ("nvidia-driver-550", "driver"),
        ("libnvidia-compute-550", "driver"),
        ("nvidia-container-toolkit", "container-toolkit"),
        ("docker-ce", "container"),
        ("libc6", ""),
    ],
)
def test_topics_of_packages(package: str, topic: str) -> None:
    assert topic_of_package(package) == topic


async def test_a_package_log_is_read_in_the_node_s_own_time() -> None:
    machine = RecordedNode()
    machine.files.put("/proc/stat", "btime 1767000000\n")
    machine.files.put("/var/log/dpkg.log", "2025-12-31 12:00:00 upgrade linux-image-6.8.0-49-generic:amd64 1 2\n")
    machine.answer(("date", "+%z"), "+0200\n")
    found = await _observe("host_timeline", Place(node=NODE, transport=machine, clock=FakeClock()))
    rows = rows_of(found["host.timeline"].value)
    assert [(row["kind"], row["at"]) for row in rows] == [("boot", 1767000000.0), ("package", 1767175200.0)]
    assert rows[1]["topic"] == "kernel"


async def test_containers_and_their_starts_are_on_the_timeline() -> None:
    machine = RecordedNode()
    machine.files.put("/proc/stat", "btime 1767000000\n")
    containers: Value = (
        {"name": "engine", "started_at": "2025-12-31T12:00:00.123Z"},
        {"name": "never", "started_at": "0001-01-01T00:00:00Z"},
    )
    seen = Observation(subject=NODE, name="host.containers", value=containers, at=1.0, source="test")
    place = Place(node=NODE, transport=machine, clock=FakeClock(), seen=Seen([seen]))
    rows = rows_of((await _observe("host_timeline", place))["host.timeline"].value)
    assert [row["kind"] for row in rows] == ["boot", "container-start"]
    assert rows[1]["what"] == "container engine was started"


@pytest.mark.parametrize(
    ("release", "cpuinfo", "told", "virtual"),
    [
        ("5.15.167.4-microsoft-standard-WSL2", "", (), "wsl"),
        ("6.8", "flags : fpu hypervisor", (), "vm"),
        ("6.8", "flags : fpu", ("QEMU",), "kvm"),
        ("6.8", "flags : fpu hypervisor", ("Microsoft Corporation", "Virtual Machine"), "hyper-v"),
        ("6.8", "flags : fpu", ("ASRock",), ""),
    ],
)
def test_hypervisors(release: str, cpuinfo: str, told: tuple[str, ...], virtual: str) -> None:
    assert guess_virtual(release, cpuinfo, told) == virtual


def test_small_files() -> None:
    assert parse_choice("none [integrity] confidentiality\n") == "integrity"
    assert parse_choice("none") == ""
    assert parse_file_numbers("2048\t0\t9223372036854775807\n") == {
        "open_files_used": 2048,
        "open_files_max": 9223372036854775807,
    }
    assert count_owners("0\n1000\n1000\nx\n") == {"0": 1, "1000": 2}


def test_pools() -> None:
    rows = parse_pools("tank\t100\t50\tONLINE\ngone\t-\t-\tFAULTED\nbroken\n")
    assert rows == (
        {"name": "tank", "state": "ONLINE", "total_bytes": 100, "free_bytes": 50},
        {"name": "gone", "state": "FAULTED"},
    )


@settings(max_examples=60)
@given(st.text(max_size=80))
def test_any_text_is_fine(text: str) -> None:
    parse_pools(text)
    parse_pools(text.replace(" ", "\t"))
    parse_choice(text)
    parse_file_numbers(text)
    count_owners(text)
    topic_of_package(text)
    guess_virtual(text, text, (text,))
