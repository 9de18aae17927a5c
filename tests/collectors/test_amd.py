"""AMD's GPUs from made files of their driver: numbers, absence, processes, and the no-wake rule."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.devices.amd.metrics_table import REASONS, is_lowered
from keepwell.plugins.collector import Moment
from keepwell.plugins.watching import RESTS, SLEEPS
from keepwell.testing.fake_gpu.linux import list_bus_files
from keepwell.testing.fake_gpu.others import AmdCard, list_amd_files
from keepwell.testing.made_sight import MadeSight
from tests.collectors.looks import FarSight, begin, given, look

CARD = AmdCard(edge=True, vram_used_bytes=7_000, busy_percent=42, processes=((30, 900), (77, 5)))
BASE = f"/sys/bus/pci/devices/{CARD.pci}"
HWMON = f"{BASE}/hwmon/hwmon4"


def table(reasons: int, revision: int = 3) -> str:
    """The driver's table of metrics; only reasons below 2^47 keep to what MadeSight's text can hold."""
    return struct.pack("<HBB108xQ", 120, 1, revision, reasons).decode("latin-1")


def made(card: AmdCard = CARD, *, control: str = "on", status: str = "active") -> MadeSight:
    sight = MadeSight()
    sight.add_tape(list_bus_files(card.pci, card.pci_id, card.pci_class, card.driver))
    sight.add_tape(list_amd_files(card, 0))
    sight.files |= {
        f"{BASE}/power/control": control,
        f"{BASE}/power/runtime_status": status,
        f"{BASE}/mem_info_gtt_total": "64000\n",
        f"{BASE}/mem_info_gtt_used": "32000\n",
        f"{BASE}/mem_busy_percent": "9\n",
        f"{BASE}/pcie_replay_count": "4\n",
        f"{BASE}/ras/umc_err_count": "ue: 1\nce: 12\n",
        f"{BASE}/pcie_bw": "1 2 256\n",
        f"{BASE}/gpu_metrics": table(1 << 17 | 1 << 45),
        f"{HWMON}/temp3_input": "88000\n",
        f"{HWMON}/freq2_input": "900000000\n",
        f"{HWMON}/pwm1": "51\n",
        "/proc/30/stat": f"30 (x) S 10 {'0 ' * 40}",
        "/proc/77/stat": f"77 (y) S 1 {'0 ' * 40}",
        "/proc/10/stat": f"10 (engine) S 1 {'0 ' * 40}",
    }
    sight.links |= {f"/proc/{pid}/fd/0": "/dev/null" for pid in (10, 30, 77)}
    return sight


def test_numbers_come_in_base_units() -> None:
    sight = made()
    found = look(begin("amd"), sight)
    wished = {
        "0 device.asleep": 0,
        "0 device.memory_total_bytes": CARD.vram_total_bytes,
        "0 device.memory_used_bytes": 7_000,
        "0 device.memory_shared_used_bytes": 32_000,
        "0 device.memory_shared_total_bytes": 64_000,
        "0 device.utilisation_ratio": 0.42,
        "0 device.memory_busy_ratio": 0.09,
        "0 device.temperature_celsius": 41,
        "0 device.memory_temperature_celsius": 88,
        "0 device.power_watts": 141,
        "0 device.power_limit_watts": 750,
        "0 device.clock_hertz": 132e6,
        "0 device.memory_clock_hertz": 9e8,
        "0 device.fan_ratio": 0.2,
        "0 device.link_replays_total": 4,
        "0 device.memory_errors_total uncorrected": 1,
        "0 device.memory_errors_total corrected": 12,
        "0 device.throttled power-limit": 1,
        "0 device.throttled thermal": 0,
        "0 device.throttled thermal-hardware": 1,
        "0 device.throttled hardware-slowdown": 0,
    }
    assert found == pytest.approx(wished)
    assert f"{BASE}/pcie_bw" not in sight.asked, "it takes a second"


def test_cards_of_the_older_and_the_newer_kind_name_files_differently() -> None:
    found = look(begin("amd"), made(replace(CARD, edge=False)))
    assert found["0 device.temperature_celsius"] == 41
    assert found["0 device.power_watts"] == 141


def test_what_a_driver_does_not_show_is_absent_and_sought_again_each_minute() -> None:
    sight = made(replace(CARD, sysfs=False))
    looker = begin("amd")
    for clock in range(200):
        found = look(looker, sight, clock)
    assert str(found["0 device.memory_used_bytes"]) == "absent: its driver shows no such file"
    assert sight.asked.count(f"{BASE}/mem_info_vram_used") < 12
    sight.files[f"{BASE}/mem_info_vram_used"] = "12\n"
    assert look(looker, sight, 400)["0 device.memory_used_bytes"] == 12


def test_text_that_is_no_number_is_absent_and_never_0() -> None:
    sight = made()
    sight.files[f"{BASE}/gpu_busy_percent"] = "N/A\n"
    found = look(begin("amd"), sight)["0 device.utilisation_ratio"]
    assert isinstance(found, Missing)
    assert "'N/A'" in found.reason


def test_memory_counts_for_the_engine_whose_child_holds_it() -> None:
    sight = made()
    sight.watched = {10: "engine:box/one", 11: "engine:box/two"}
    found = look(begin("amd"), sight)
    assert found["one process.device_memory_bytes 0"] == 900
    assert found["two process.device_memory_bytes 0"] == 0


def test_a_suspended_card_is_not_touched() -> None:
    sight = made(replace(CARD, processes=()), control="auto", status="suspended")
    looker = begin("amd")
    for clock in range(100):
        found = look(looker, sight, clock)
        assert found["0 device.asleep"] == 1
        assert found["0 device.power_watts"] is SLEEPS
    allowed = {f"{BASE}/{name}" for name in ("class", "vendor", "power/runtime_status", "power/control")}
    assert {path for path in sight.asked if path.startswith(BASE)} <= allowed


def test_a_card_that_could_fall_asleep_is_let_alone_between_looks() -> None:
    sight = made(replace(CARD, processes=()), control="auto")
    looker = begin("amd")
    for clock in range(60):
        found = look(looker, sight, clock)
        if clock % 30:
            assert found["0 device.utilisation_ratio"] is RESTS
    assert sight.asked.count(f"{BASE}/gpu_busy_percent") == 2


def test_a_card_that_a_process_computes_on_is_asked_at_each_look() -> None:
    sight = made(control="auto")
    looker = begin("amd")
    for clock in range(20):
        assert look(looker, sight, clock)["0 device.utilisation_ratio"] == pytest.approx(0.42)


def test_all_that_it_gives_is_given() -> None:
    sight = made()
    sight.watched = {10: "engine:box/one"}
    sight.links |= {
        "/proc/10/fd/5": "/dev/dri/renderD128",
        "/sys/class/drm/renderD128/device": f"../../../{CARD.pci}",
    }
    sight.files |= {
        "/proc/10/fdinfo/5": f"drm-driver:\tamdgpu\ndrm-pdev:\t{CARD.pci}\ndrm-client-id:\t9\n"
        "drm-memory-vram:\t2 KiB\ndrm-memory-gtt: \t1 MiB\ndrm-engine-compute:\t5 ns\n"
    }
    readings = list(begin("amd").look(sight, Moment(0, 0)))
    assert {key.metric for key, _ in readings} == given("amd")
    assert dict(look(begin("amd"), sight))["one process.device_memory_bytes 0"] == 2048


def test_without_a_card_nothing_is_told() -> None:
    assert look(begin("amd"), MadeSight()) == {}


def test_a_table_of_another_revision_is_not_read() -> None:
    sight = made()
    sight.files[f"{BASE}/gpu_metrics"] = table(0, revision=4)
    found = look(begin("amd"), sight)["0 device.throttled thermal"]
    assert isinstance(found, Missing)
    assert "holds nothing that is read here" in found.reason


@settings(max_examples=60)
@hypothesis_given(
    st.binary(max_size=140) | st.integers(0, 2**64 - 1).map(lambda bits: struct.pack("<HBB108xQ", 1, 1, 3, bits))
)
def test_any_table_tells_or_is_refused(content: bytes) -> None:
    for reason in REASONS:
        try:
            assert is_lowered(content, reason) in (True, False)
        except ValueError:
            assert len(content) < 120 or content[2:4] != b"\x01\x03" or content[112:120] == b"\xff" * 8


def test_over_a_connection_all_is_there_after_a_few_looks_and_stays() -> None:
    near = made()
    near.watched = {10: "engine:box/one"}
    looker, sight = begin("amd"), FarSight(near)
    for second in range(0, 600, 5):
        sight.turn()
        found = look(looker, sight, float(second))
        if second < 40:
            continue
        assert found["0 device.power_watts"] == 141
        assert found["0 device.memory_errors_total corrected"] == 12
        assert found["one process.device_memory_bytes 0"] == 900
        assert not [name for name, value in found.items() if isinstance(value, Missing)]
