"""The far end reads no file of a suspended device, even when it is asked to."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.transport.far.gather import would_wake

CARD = "bus/pci/devices/0000:01:00.0"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("status", ["suspended", "suspending", "active", ""])
def test_of_a_suspended_device_only_what_the_kernel_keeps_is_read(tmp_path: Path, status: str) -> None:
    card = tmp_path / CARD
    for name in ("class", "vendor", "device", "power/control", "gpu_busy_percent", "hwmon/hwmon4/power1_average"):
        write(card / name, "1\n")
    if status:
        write(card / "power/runtime_status", f"{status}\n")
    asleep = status.startswith("suspend")
    system = str(tmp_path).encode()
    for name in ("gpu_busy_percent", "hwmon/hwmon4/power1_average"):
        assert would_wake(str(card / name).encode(), system) is asleep
    for name in ("class", "vendor", "device", "power/control", "power/runtime_status"):
        assert not would_wake(str(card / name).encode(), system)


def test_other_files_and_other_descriptors_are_read(tmp_path: Path) -> None:
    system = str(tmp_path).encode()
    assert not would_wake(b"/proc/stat", system)
    with open(tmp_path / "file", "w", encoding="utf-8") as file:
        assert not would_wake(f"/proc/self/fdinfo/{file.fileno()}".encode(), system)
