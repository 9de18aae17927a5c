"""Probes of GPUs beyond the recorded machines: the no-wake rule, failures of access, pairing, access by groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import device, engine, node
from keepwell.core.values import row_of, rows_of
from keepwell.plugins import registry
from keepwell.plugins.device import BusDevice, Reading
from keepwell.plugins.place import Place, ServingProcess, Site
from keepwell.plugins.probe import Probe
from keepwell.probes.gpu_driver import parse_library_cache, parse_modules, parse_modules_dep
from keepwell.probes.gpu_errors import collect_errors
from keepwell.probes.gpu_readings import pair_up
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Ran
from keepwell.transport.recorded.tape import Refusal, Tape, TapeFile

NODE = node("box")
PYTHON = "/usr/bin/python3"
CARD = "/sys/bus/pci/devices/0000:01:00.0"
CUDA = (PYTHON, "-m", "keepwell.devices._cuda_child")
NVML = (PYTHON, "-m", "keepwell.devices._nvml_child")


def _put_card(machine: RecordedNode, folder: str, power: str) -> None:
    words = {"class": "0x030200", "vendor": "0x10de", "device": "0x2330", "power/runtime_status": power}
    for name, word in words.items():
        machine.files.put(f"{folder}/{name}", f"{word}\n")


def _machine(power: str = "active") -> RecordedNode:
    found = RecordedNode(Tape(name="box", python=PYTHON))
    _put_card(found, CARD, power)
    found.files.put(f"{CARD}/driver", TapeFile(kind="link", target="../../bus/pci/drivers/nvidia"))
    found.answer(CUDA, '{"code": 0, "devices": 1, "version": 12040, "seconds": 0.1}')
    found.answer(NVML, '{"devices": [{"index": 0, "pci": "00000000:01:00.0", "name": "Card", "memory": [10, 4]}]}')
    return found


def _probe(name: str) -> Probe:
    found = registry.load("probes", name)
    assert isinstance(found, Probe)
    return found


async def _observe(name: str, at: RecordedNode, seen: tuple[Observation, ...] = ()) -> dict[str, Value | Missing]:
    place = Place(node=NODE, transport=at, clock=FakeClock(), seen=Seen(seen))
    return {one.name: one.value for one in await _probe(name).observe(place)}


@pytest.mark.parametrize("power", ["suspended", "suspending"])
@pytest.mark.parametrize("name", ["gpu_runtime", "gpu_readings"])
async def test_a_sleeping_device_is_never_asked(power: str, name: str) -> None:
    machine = _machine(power)
    found = await _observe(name, machine)
    assert not [call for call in machine.calls if call.startswith("run")]
    asked = {key: value for key, value in found.items() if key != "device.identity"}
    assert asked
    for value in asked.values():
        assert isinstance(value, Missing)
        assert value.kind == "unknown"
        assert "wake" in value.reason


@pytest.mark.parametrize("name", ["gpu_runtime", "gpu_readings"])
async def test_one_that_fell_asleep_since_the_bus_was_walked_is_not_asked(name: str) -> None:
    machine = _machine()
    place = Place(node=NODE, transport=machine, clock=FakeClock())
    before = tuple(await _probe("gpu_bus").observe(place))
    machine.files.put(f"{CARD}/power/runtime_status", "suspended\n")
    machine.calls.clear()
    await _observe(name, machine, before)
    assert not [call for call in machine.calls if call.startswith("run")]


@pytest.mark.parametrize("name", ["gpu_runtime", "gpu_readings"])
async def test_one_that_is_awake_is_asked(name: str) -> None:
    machine = _machine()
    await _observe(name, machine)
    assert [call for call in machine.calls if call.startswith("run")]


async def test_one_sleeper_protects_the_maker_s_other_cards_too() -> None:
    """NVML and cuInit touch every card of the maker, so that one asleep is reason enough."""
    machine = _machine()
    _put_card(machine, "/sys/bus/pci/devices/0000:02:00.0", "suspended")
    await _observe("gpu_readings", machine)
    await _observe("gpu_runtime", machine)
    assert not [call for call in machine.calls if call.startswith("run")]


@pytest.mark.parametrize(
    "name", [one for one in registry.names("probes") if one.startswith("gpu_") and one != "gpu_access"]
)
async def test_a_bus_that_may_not_be_read_is_no_crash(name: str) -> None:
    machine = RecordedNode()
    machine.files.put("/sys/bus/pci/devices", TapeFile(kind="directory", unreadable=Refusal(kind="NotPermitted")))
    found = await _observe(name, machine)
    assert all(isinstance(value, Missing) for value in found.values())


async def test_a_runtime_that_hangs_is_failed() -> None:
    machine = _machine()
    machine.answer(CUDA, Refusal(kind="TimedOut", what="not done within 10 s, ended"))
    found = (await _observe("gpu_runtime", machine))["device.runtime"]
    assert isinstance(found, Missing)
    assert found.kind == "failed"
    assert "not done within 10 s" in found.reason


async def test_errors_come_from_the_journal_where_there_is_one() -> None:
    machine = _machine()
    argv = ("journalctl", "-k", "--no-pager", "-o", "short-unix", "-n", "20000")
    machine.answer(argv, "1767225000.5 box kernel: NVRM: Xid (PCI:0000:01:00): 79, pid=1, name=x, off\n")
    (row,) = rows_of((await _observe("gpu_errors", machine))["device.errors"])
    assert (row["code"], row["at"], row["pci"]) == ("79", 1767225000.5, "0000:01:00.0")
    machine.answer(argv, Ran(argv=argv, code=1, stdout=b"", stderr=b"No journal files were found."))
    machine.answer(("dmesg",), "[ 2.0] NVRM: Xid (PCI:0000:01:00): 31, pid=1, name=x, y\n[ 3.0] quiet\n")
    machine.files.put("/proc/stat", "btime 1000\n")
    (row,) = rows_of((await _observe("gpu_errors", machine))["device.errors"])
    assert (row["code"], row["at"]) == ("31", 1002.0)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(0, 1e9), st.text(max_size=60) | st.just("NVRM: Xid (PCI:0000:01:00): 31, pid=1")),
        max_size=8,
    )
)
def test_any_kernel_lines_are_fine(lines: list[tuple[float, str]]) -> None:
    rows = collect_errors(lines)
    same = sum("Xid (PCI" in text for _, text in lines)
    assert sum(int(str(row_of(row)["count"])) for row in rows if row_of(row)["code"] == "31") == same


def test_lines_never_drive_the_reader_s_terminal() -> None:
    (row,) = collect_errors([(1.0, "NVRM: Xid (PCI:0000:01:00): 31, \x1b[2J evil")])
    assert "\x1b" not in str(row_of(row)["text"])


def _reading(pci: str, name: str) -> Reading:
    return Reading(pci=pci, values={"device.identity": {"name": name}}, source="test")


def test_readings_find_their_devices_by_address() -> None:
    cards = [
        (device("box", 0), BusDevice(pci="0000:01:00.0", vendor="X")),
        (device("box", 1), BusDevice(pci="0000:02:00.0", vendor="X")),
    ]
    pairs = pair_up(cards, [_reading("0000:02:00.0", "b")], device("box", 2))
    assert isinstance(pairs[0][2].values["device.throttle"], Missing)
    assert pairs[1][2].values["device.identity"] == {"name": "b"}
    assert len(pairs) == 2


def test_what_a_channel_shows_as_one_may_be_several() -> None:
    pairs = pair_up(
        [(device("box", 0), BusDevice(pci="dxg", vendor="X"))],
        [_reading("a:b:c", "1"), _reading("a:b:d", "2")],
        device("box", 1),
    )
    assert [str(ref) for ref, _, _ in pairs] == ["device:box/0", "device:box/1"]


def test_modules_and_libraries() -> None:
    assert parse_modules("nvidia 5 2 a, Live 0x0 (O)\nbroken\n") == {"nvidia": "Live"}
    assert parse_modules_dep("kernel/a.ko.zst: kernel/b.ko\nno colon\n") == ("kernel/a.ko.zst",)
    assert parse_library_cache("2 libs\n\tlibcuda.so.1 (libc6,x86-64) => /lib/libcuda.so.1\n") == ("/lib/libcuda.so.1",)


@settings(max_examples=60)
@given(st.text(max_size=100))
def test_any_text_is_fine(text: str) -> None:
    parse_modules(text)
    parse_modules_dep(text)
    parse_library_cache(text)


async def _access(machine: RecordedNode, status: str, files: Mapping[str, Any] | None = None) -> Mapping[str, Value]:
    machine.files.put("/proc/7/status", status)
    for path, file in (files or {}).items():
        machine.files.put(path, file)
    process = ServingProcess(pid=7, argv=("x",), environment={}, user="engine", uid=990, gid=990)
    site = Site(ref=engine("box", "x"), engine="x", url="http://127.0.0.1:1", process=process)
    place = Place(node=NODE, transport=machine, clock=FakeClock(), site=site)
    (found,) = await _probe("gpu_access").observe(place)
    return row_of(found.value)


def _node(mode: int, gid: int = 44, number: str = "195:0") -> TapeFile:
    return TapeFile(kind="character", device=number, mode=mode, gid=gid)


@pytest.mark.parametrize(
    ("status", "open_to"),
    [
        ("Groups:\t990\nCapEff:\t0000000000000000\n", False),
        ("Groups:\t44 990\nCapEff:\t0000000000000000\n", True),
        ("Groups:\t\nCapEff:\t000001ffffffffff\n", True),
        ("Groups:\t\nCapEff:\tbroken\n", False),
    ],
)
async def test_access_by_groups_and_privileges(status: str, open_to: bool) -> None:
    machine = _machine()
    machine.files.put("/dev/nvidia0", _node(0o660))
    row = await _access(machine, status)
    assert [one["accessible"] for one in rows_of(row["nodes"])] == [open_to]


async def test_privileges_inside_a_user_namespace_do_not_count() -> None:
    machine = _machine()
    machine.files.put("/dev/nvidia0", _node(0o660))
    row = await _access(machine, "Groups:\t\nCapEff:\t000001ffffffffff\n", {"/proc/7/uid_map": "0 100000 65536\n"})
    assert [one["reason"] for one in rows_of(row["nodes"])] == ["mode"]


async def test_the_container_s_own_nodes_are_looked_at() -> None:
    machine = _machine()
    machine.files.put("/dev/nvidia0", _node(0o666))
    inside = {
        "/proc/self/ns/mnt": TapeFile(kind="link", target="mnt:[1]"),
        "/proc/7/ns/mnt": TapeFile(kind="link", target="mnt:[2]"),
        "/proc/7/root/dev/nvidia0": _node(0o600),
    }
    row = await _access(machine, "Groups:\t990\nCapEff:\t0\n", inside)
    assert [(one["path"], one["reason"]) for one in rows_of(row["nodes"])] == [("/dev/nvidia0", "mode")]
