"""The no-wake rule, of all collectors at once: ten minutes of a machine whose devices and disks all sleep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from keepwell.plugins.collector import Collector, Looker, Moment
from keepwell.plugins.registry import load_all
from keepwell.testing.fake_gpu.card import FakeCard
from keepwell.testing.fake_gpu.linux import list_bus_files
from keepwell.testing.fake_gpu.machine import FakeMachine
from keepwell.testing.fake_gpu.others import AmdCard, IntelCard, list_amd_files, list_intel_files
from keepwell.testing.fake_gpu.played import PlayedDriver
from keepwell.testing.made_sight import MadeSight
from tests.fake_gpu.played import CACHE, needs_compiler

NVIDIA, AMD, INTEL, NPU = FakeCard(), AmdCard(), IntelCard(), "0000:00:0b.0"
ADDRESSES = (NVIDIA.pci, AMD.pci, INTEL.pci, NPU)
#: What the kernel answers from its own memory, whatever a PCI device does.
KEPT = ("class", "vendor", "power/runtime_status", "power/control")
DISKS = ("sda", "nvme0n1")


def sleeping_machine() -> MadeSight:
    sight = MadeSight()
    sight.add_tape(list_bus_files(NVIDIA.pci, NVIDIA.pci_id, NVIDIA.pci_class, "nvidia"))
    sight.add_tape(list_bus_files(AMD.pci, AMD.pci_id, AMD.pci_class, "amdgpu"))
    sight.add_tape(list_bus_files(INTEL.pci, INTEL.pci_id, INTEL.pci_class, "xe"))
    sight.add_tape(list_bus_files(NPU, "8086:7d1d", "0x120000", "intel_vpu"))
    sight.add_tape(list_amd_files(AMD, 0))
    sight.add_tape(list_intel_files(INTEL, 1))
    for pci in ADDRESSES:
        sight.files[f"/sys/bus/pci/devices/{pci}/power/runtime_status"] = "suspended\n"
        sight.files[f"/sys/bus/pci/devices/{pci}/power/control"] = "auto\n"
    sight.files |= {
        "/sys/block/sda/queue/rotational": "1\n",
        "/sys/block/sda/stat": "1 0 8 1 0 0 0 0 0 0 0\n",
        "/sys/block/nvme0n1/queue/rotational": "0\n",
        "/sys/block/nvme0n1/device/device/power/runtime_status": "suspended\n",
        "/sys/block/nvme0n1/stat": "1 0 8 1 0 0 0 0 0 0 0\n",
        "/proc/10/stat": f"10 (engine) S 1 {'0 ' * 40}",
        "/proc/10/fdinfo/3": f"drm-pdev: {INTEL.pci}\ndrm-client-id: 1\n",
        "/proc/uptime": "100.0 50.0\n",
    }
    sight.links |= {
        "/proc/10/fd/3": "/dev/dri/renderD128",
        "/sys/class/drm/renderD128/device": f"../../../{INTEL.pci}",
    }
    sight.watched = {10: "engine:box/one"}
    return sight


@pytest.fixture
def lookers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[float, Looker]]]:
    """Every collector; any program that one of them starts leaves its name."""
    for name in ("smartctl", "zpool", "ioreg", "sysctl", "nvidia-smi", "hdparm"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$0" "$@" >> {tmp_path}/started\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    made = [(one.every_seconds, one.open("box")) for one in cast(dict[str, Collector], load_all("collectors")).values()]
    yield made
    for _, looker in made:
        looker.close()


@needs_compiler
@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has an NVIDIA driver")
def test_what_sleeps_is_left_asleep_by_every_collector(lookers: list[tuple[float, Looker]], tmp_path: Path) -> None:
    driver = PlayedDriver(tmp_path, CACHE)
    driver.play(FakeMachine(cards=(NVIDIA,)))
    driver.forget()
    sight = sleeping_machine()
    for clock in range(600):
        for every, looker in lookers:
            if clock % max(1, int(every)) == 0:
                list(looker.look(sight, Moment(1e9 + clock, float(clock))))
    assert (driver.calls("init"), driver.calls("handle"), driver.calls("ask")) == (0, 0, 0)
    for pci in ADDRESSES:
        base = f"/sys/bus/pci/devices/{pci}"
        touched = {path for path in sight.asked if path.startswith(base)}
        assert touched, f"nobody looked whether {pci} sleeps"
        assert touched <= {f"{base}/{name}" for name in KEPT}
    assert not (tmp_path / "started").exists()
    assert "/proc/10/fdinfo/3" not in sight.asked
    assert not [path for path in sight.asked if path.startswith("/dev/")]
