"""Versions of NVIDIA's driver in the shapes that its files have had."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.devices.nvidia.driver import is_module_file, newest_cuda, parse_library_file, parse_version_file
from keepwell.devices.nvidia.nvml import name_reasons
from keepwell.devices.nvidia.smi import FIELDS, parse_table


@pytest.mark.parametrize(
    ("line", "version", "flavour"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22", "550.54.14", "proprietary"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  595.45.04  Release Build", "595.45.04", "open"),
        ("NVRM version: NVIDIA UNIX aarch64 Kernel Module  535.104", "535.104", "proprietary"),
        ("", "", ""),
        ("NVRM version: something else", "", ""),
    ],
)
def test_version_file(line: str, version: str, flavour: str) -> None:
    assert parse_version_file(f"{line}\nGCC version:  gcc version 13.2.0\n") == (version, flavour)


def test_versions_in_file_names() -> None:
    assert parse_library_file("/usr/lib/libcuda.so.550.54.14") == "550.54.14"
    assert parse_library_file("libnvidia-ml.so.470.82") == "470.82"
    assert parse_library_file("libcuda.so.1") == ""
    assert parse_library_file("libcuda.so") == ""


def test_module_files() -> None:
    assert is_module_file("updates/dkms/nvidia.ko.zst")
    assert is_module_file("kernel/drivers/video/nvidia.ko")
    assert is_module_file("updates/dkms/nvidia-current.ko.xz")
    assert not is_module_file("updates/dkms/nvidia-uvm.ko")
    assert not is_module_file("kernel/drivers/i2c/busses/i2c-nvidia-gpu.ko")


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        ("595.71.05", "13.2"), ("580.65.06", "13.0"), ("580.30", "12.9"), ("570.124.06", "12.8"), ("550.54.14", "12.4"),
        ("550.40", "12.3"), ("470.82", ""), ("", ""), ("unknown", ""),
    ],
)  # fmt: skip
def test_newest_cuda(driver: str, cuda: str) -> None:
    assert newest_cuda(driver) == cuda


def test_reasons_in_the_order_of_their_bits() -> None:
    assert name_reasons(0) == ()
    assert name_reasons(0x1) == ("idle",)
    assert name_reasons(0xE8) == ("hardware-slowdown", "thermal", "thermal-hardware", "power-brake")


def test_unsupported_cells_of_nvidia_smi_are_missing() -> None:
    cells = ["00000000:01:00.0", "Card", "GPU-1", "8.9", "100", "50", "[N/A]", "ERR!", "[Unknown Error]"]
    cells += ["[Not Supported]"] * (len(FIELDS) - len(cells))
    found = parse_table(", ".join(cells), FIELDS, name_reasons)
    assert isinstance(found, tuple)
    kinds = {name: value.kind for name, value in found[0].values.items() if isinstance(value, Missing)}
    assert kinds["device.utilisation_ratio"] == "absent"
    assert kinds["device.temperature_celsius"] == "failed"
    assert kinds["device.power_watts"] == "failed"
    assert kinds["device.throttle"] == "absent"
    assert found[0].values["device.memory_total_bytes"] == 100 * 1024 * 1024


@settings(max_examples=60)
@given(st.lists(st.text(alphabet="0123456789.,x[]NA/ \n-e", max_size=20), max_size=20))
def test_any_table_is_fine(cells: list[str]) -> None:
    found = parse_table(", ".join(cells), FIELDS, name_reasons)
    assert isinstance(found, Missing | tuple)


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_any_text_is_fine(text: str) -> None:
    parse_version_file(text)
    parse_version_file(f"Kernel Module {text}")
    parse_library_file(text)
    newest_cuda(text)
    is_module_file(text)
