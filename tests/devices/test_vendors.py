"""The other vendors: what their tools and files say, in real shapes and in any shape."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.devices.amd.readings import parse_rocm_smi
from keepwell.devices.amd.topology import name_address, name_target, parse_node
from keepwell.devices.amd.vendor import Amd
from keepwell.devices.apple.readings import parse_displays, parse_statistics, working_set_bytes
from keepwell.devices.intel.readings import parse_discovery, parse_stats, read_devices
from keepwell.devices.intel.vendor import Intel
from keepwell.plugins import registry
from keepwell.plugins.device import BusDevice, Device
from keepwell.testing.node import RecordedNode


@pytest.mark.parametrize("name", registry.names("devices"))
def test_every_plug_in_keeps_the_contract(name: str) -> None:
    plugin = registry.load("devices", name)
    assert isinstance(plugin, Device)
    assert plugin.title
    assert plugin.drivers
    assert all(number == number.lower() and len(number) == 4 for number in plugin.pci_vendors)
    assert all(rule.example.startswith(rule.folder) for rule in plugin.nodes)
    assert len({one.name for one in plugin.selectors}) == len(plugin.selectors)
    assert plugin.kind("0000:01:00.0", "0x030000")


def test_numbers_on_the_bus_belong_to_one_plug_in() -> None:
    plugins = [one for one in registry.load_all("devices").values() if isinstance(one, Device)]
    numbers = [number for plugin in plugins for number in plugin.pci_vendors]
    assert len(numbers) == len(set(numbers))


def test_targets_of_the_compute_driver() -> None:
    assert name_target(110000) == "gfx1100"
    assert name_target(90010) == "gfx90a"
    assert name_target(100302) == "gfx1032"
    assert name_target(0) == ""
    assert name_address(0, 0x300) == "0000:03:00.0"
    assert name_address(1, 0xC1 << 8 | 2 << 3 | 1) == "0001:c1:02.1"


def test_a_node_of_the_topology() -> None:
    gpu = parse_node("simd_count 192\nlocation_id 768\ngfx_target_version 110000\ndomain 0\n", "26443")
    assert gpu is not None
    assert (gpu.gpu_id, gpu.pci, gpu.target) == ("26443", "0000:03:00.0", "gfx1100")
    assert parse_node("cpu_cores_count 16\nsimd_count 0\nlocation_id 0\n", "0") is None


ROCM = {
    "card0": {
        "PCI Bus": "0000:0A:00.0",
        "Card series": "Navi 21 [Radeon RX 6800/6800 XT / 6900 XT]",
        "VRAM Total Memory (B)": "17163091968",
        "VRAM Total Used Memory (B)": "1181265920",
        "GPU use (%)": "99",
        "Temperature (Sensor edge) (C)": "64.0",
        "Average Graphics Package Power (W)": "211.0",
    },
    "system": {"Driver version": "6.8"},
}


def test_rocm_smi() -> None:
    found = parse_rocm_smi(json.dumps(ROCM).encode())
    assert isinstance(found, tuple)
    (card,) = found
    assert card.pci == "0000:0a:00.0"
    assert card.values["device.memory_total_bytes"] == 17163091968
    assert card.values["device.utilisation_ratio"] == 0.99
    assert card.values["device.temperature_celsius"] == 64.0
    assert isinstance(card.values["device.power_limit_watts"], Missing)


async def test_rocm_smi_is_asked_only_where_sysfs_shows_no_memory() -> None:
    node = RecordedNode()
    base = "/sys/bus/pci/devices/0000:0a:00.0"
    device = BusDevice(pci="0000:0a:00.0", vendor="AMD", driver="amdgpu")
    node.answer(("rocm-smi", "--showbus", "--showproductname", "--showmeminfo", "vram", "--showuse", "--showtemp",
                 "--showpower", "--json"), json.dumps(ROCM))  # fmt: skip
    found = await Amd().readings((device,), node)
    assert isinstance(found, tuple)
    assert found[0].values["device.memory_used_bytes"] == 1181265920
    node.files.put(f"{base}/mem_info_vram_total", "1000")
    node.calls.clear()
    found = await Amd().readings((device,), node)
    assert isinstance(found, tuple)
    assert found[0].values["device.memory_total_bytes"] == 1000
    assert not [call for call in node.calls if call.startswith("run rocm-smi")]


@pytest.mark.parametrize(
    ("line", "code", "pci"),
    [
        ("[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring comp_1.0.0 timeout, signaled seq=1", "ring-timeout", ""),
        ("amdgpu 0000:0a:00.0: amdgpu: GPU reset begin!", "gpu-reset", "0000:0a:00.0"),
        ("amdgpu 0000:0a:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24)", "page-fault", "0000:0a:00.0"),
        ("amdgpu 0000:0a:00.0: amdgpu: MES failed to respond to msg=3", "compute-hang", ""),
        ("amdgpu: probe of 0000:0a:00.0 failed with error -22", "probe-failed", "0000:0a:00.0"),
        (
            "amdgpu 0000:0a:00.0: Direct firmware load for amdgpu/psp_14.bin failed with error -2",
            "firmware-missing",
            "",
        ),
        ("kfd kfd: amdgpu: skipped device 1002:73bf, PCI rejects atomics 730<0", "no-atomics", ""),
    ],
)
def test_lines_of_amd(line: str, code: str, pci: str) -> None:
    found = Amd().parse_error(line)
    assert found is not None
    assert (found.code, found.pci) == (code, pci)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("i915 0000:00:02.0: [drm] GPU HANG: ecode 12:1:85dffffb", "hang"),
        ("xe 0000:03:00.0: [drm] GT0: Timedout job: seqno=4", "job-timeout"),
        ("i915 0000:03:00.0: Your graphics device 56a0 is not properly supported by i915 in this kernel version. "
         "To force driver probe anyway, use i915.force_probe=56a0", "needs-newer-kernel"),
        ("i915 0000:00:02.0: Direct firmware load for i915/adlp_guc_70.bin failed with error -2", "firmware-missing"),
    ],
)  # fmt: skip
def test_lines_of_intel(line: str, code: str) -> None:
    found = Intel().parse_error(line)
    assert found is not None
    assert found.code == code


def test_kinds_of_intel() -> None:
    assert Intel().kind("0000:00:02.0", "0x030000") == "integrated"
    assert Intel().kind("0000:03:00.0", "0x030000") == "discrete"
    assert Intel().kind("0000:00:0b.0", "0x120000") == "npu"


async def test_a_card_of_intel_is_read_by_xpu_smi() -> None:
    node = RecordedNode()
    listed = {"device_list": [{"device_id": 0, "device_name": "Arc A770", "pci_bdf_address": "0000:03:00.0"}]}
    stats = {
        "device_level": [
            {"metrics_type": "XPUM_STATS_MEMORY_USED", "value": 1024},
            {"metrics_type": "XPUM_STATS_GPU_UTILIZATION", "value": 25.0},
            {"metrics_type": "XPUM_STATS_POWER", "value": "broken"},
        ]
    }
    node.answer(("xpu-smi", "discovery", "-j"), json.dumps(listed))
    node.answer(("xpu-smi", "stats", "-d", "0", "-j"), json.dumps(stats))
    found = await read_devices((BusDevice(pci="0000:03:00.0", vendor="Intel"),), node)
    assert isinstance(found, tuple)
    values = found[0].values
    assert values["device.identity"] == {"name": "Arc A770"}
    assert values["device.memory_used_bytes"] == 1024 * 1024 * 1024
    assert values["device.utilisation_ratio"] == 0.25
    assert isinstance(values["device.power_watts"], Missing)


def test_macos() -> None:
    shown = {"SPDisplaysDataType": [{"_name": "kHW_AMDRadeonPro", "sppci_model": "AMD Radeon Pro 5300M"}]}
    assert parse_displays(json.dumps(shown)) == ("AMD Radeon Pro 5300M",)
    text = '"PerformanceStatistics" = {"In use system memory"=5,"Device Utilization %"=50}'
    assert parse_statistics(text) == {"device.memory_used_bytes": 5, "device.utilisation_ratio": 0.5}
    assert working_set_bytes("68719476736", "0") == 68719476736 * 3 // 4
    assert working_set_bytes("17179869184", "14336") == 14336 * 1024 * 1024
    assert isinstance(working_set_bytes("", ""), Missing)


@settings(max_examples=80)
@given(st.text(max_size=80), st.binary(max_size=80))
def test_any_output_is_fine(text: str, content: bytes) -> None:
    parse_rocm_smi(content)
    parse_discovery(content)
    parse_stats(content)
    parse_displays(text)
    parse_statistics(f'"PerformanceStatistics" = {{{text}}}')
    working_set_bytes(text, text)
    parse_node(text, "1")
    Amd().parse_error(f"amdgpu {text}")
    Intel().parse_error(f"i915 {text}")


CELL = st.none() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
ROW = st.dictionaries(st.text(max_size=8), CELL)
KEY = st.sampled_from(["card0", "device_list", "device_level", "SPDisplaysDataType"])


@settings(max_examples=80)
@given(st.dictionaries(KEY, CELL | st.lists(ROW) | ROW))
def test_any_json_is_fine(answer: dict[str, object]) -> None:
    content = json.dumps(answer).encode()
    parse_rocm_smi(content)
    parse_discovery(content)
    parse_stats(content)
    parse_displays(content.decode())
