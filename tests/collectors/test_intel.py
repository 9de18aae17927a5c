"""Intel's GPUs and NPUs from made files: numbers, what processes hold and use, and the no-wake rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepwell.core.errors import NotPermitted
from keepwell.plugins.collector import Moment
from keepwell.plugins.watching import RESTS, SLEEPS
from keepwell.testing.fake_gpu.linux import list_bus_files
from keepwell.testing.fake_gpu.others import IntelCard, list_intel_files
from keepwell.testing.made_sight import MadeSight
from tests.collectors.looks import FarSight, begin, given, look

CARD = IntelCard(clock_megahertz=2400)
BASE = f"/sys/bus/pci/devices/{CARD.pci}"
HWMON = f"{BASE}/hwmon/hwmon2"
NPU = "0000:00:0b.0"


def made(card: IntelCard = CARD, *, control: str = "on", status: str = "active") -> MadeSight:
    sight = MadeSight()
    sight.add_tape(list_bus_files(card.pci, card.pci_id, card.pci_class, card.driver))
    sight.add_tape(list_intel_files(card, 0))
    sight.files |= {
        f"{BASE}/power/control": control,
        f"{BASE}/power/runtime_status": status,
        f"{HWMON}/energy1_input": "5000000\n",
        f"{HWMON}/temp3_input": "60000\n",
        "/proc/10/stat": f"10 (engine) S 1 {'0 ' * 40}",
        "/proc/11/stat": f"11 (runner) S 10 {'0 ' * 40}",
    }
    return sight


def open_card(sight: MadeSight, pid: int, number: int, text: str) -> None:
    """A process opens the card's render node."""
    sight.links |= {
        f"/proc/{pid}/fd/{number}": "/dev/dri/renderD128",
        "/sys/class/drm/renderD128/device": f"../../../{CARD.pci}",
    }
    sight.files[f"/proc/{pid}/fdinfo/{number}"] = f"pos: 0\ndrm-driver: xe\ndrm-pdev: {CARD.pci}\n{text}"


def test_numbers_and_power_as_growth_of_energy() -> None:
    sight, looker = made(), begin("intel")
    found = look(looker, sight)
    assert found["0 device.temperature_celsius"] == 47
    assert found["0 device.memory_temperature_celsius"] == 60
    assert found["0 device.clock_hertz"] == 2.4e9
    assert found["0 device.power_limit_watts"] == 190
    assert found["0 device.energy_joules_total"] == 5
    assert str(found["0 device.power_watts"]).startswith("unknown: ")
    sight.files[f"{HWMON}/energy1_input"] = "95000000\n"
    assert look(looker, sight, 2)["0 device.power_watts"] == pytest.approx(45)
    sight.files[f"{HWMON}/energy1_input"] = "0\n"
    assert str(look(looker, sight, 3)["0 device.power_watts"]).startswith("unknown: "), "the counter began again"


def test_the_older_driver_names_its_clock_differently() -> None:
    found = look(begin("intel"), made(replace(CARD, driver="i915")))
    assert found["0 device.clock_hertz"] == 2.4e9


def test_what_processes_hold_and_use_is_counted_once_a_client() -> None:
    sight, looker = made(), begin("intel")
    sight.watched = {10: "engine:box/one"}
    client = "drm-client-id: 7\ndrm-resident-vram0: 4 MiB\ndrm-resident-system: 1 MiB\ndrm-engine-rcs: {} ns\n"
    open_card(sight, 10, 3, client.format(1_000_000_000))
    open_card(sight, 11, 4, client.format(1_000_000_000))
    open_card(
        sight, 11, 5, "drm-client-id: 8\ndrm-resident-vram0: 2 KiB\ndrm-cycles-ccs: 0\ndrm-total-cycles-ccs: 10\n"
    )
    found = look(looker, sight)
    assert found["one process.device_memory_bytes 0"] == 4 * 1024**2 + 2048
    assert found["one process.device_shared_memory_bytes 0"] == 1024**2
    assert found["one process.device_seconds_total 0 rcs"] == 0
    open_card(sight, 10, 3, client.format(3_500_000_000))
    open_card(sight, 11, 4, client.format(3_500_000_000))
    open_card(
        sight, 11, 5, "drm-client-id: 8\ndrm-resident-vram0: 2 KiB\ndrm-cycles-ccs: 5\ndrm-total-cycles-ccs: 20\n"
    )
    found = look(looker, sight, 5)
    assert found["one process.device_seconds_total 0 rcs"] == pytest.approx(2.5)
    assert found["one process.device_seconds_total 0 ccs"] == pytest.approx(2.5), "half of five seconds"


def test_processes_of_another_user_are_failed_and_not_0() -> None:
    sight = made()
    sight.watched = {10: "engine:box/one"}
    sight.refused["/proc/10/fd"] = NotPermitted("not yours", where="/proc/10/fd")
    looker = begin("intel")
    found = look(looker, sight)["one process.device_memory_bytes 0"]
    assert str(found).startswith("unknown: "), "its child is being sought"
    for clock in range(1, 10):
        found = look(looker, sight, clock)["one process.device_memory_bytes 0"]
    assert str(found).startswith("failed: not yours")


def test_nothing_of_a_suspended_card_is_read_not_even_a_descriptor() -> None:
    sight, looker = made(control="auto", status="suspended"), begin("intel")
    sight.watched = {10: "engine:box/one"}
    open_card(sight, 10, 3, "drm-client-id: 7\ndrm-engine-rcs: 5 ns\n")
    for clock in range(100):
        assert look(looker, sight, clock)["0 device.power_watts"] is SLEEPS
    allowed = {f"{BASE}/{name}" for name in ("class", "vendor", "power/runtime_status", "power/control")}
    assert {path for path in sight.asked if path.startswith(BASE)} <= allowed
    assert "/proc/10/fdinfo/3" not in sight.asked


def test_a_card_is_let_alone_until_a_process_works_on_it() -> None:
    sight, looker = made(control="auto"), begin("intel")
    sight.watched = {10: "engine:box/one"}
    for clock in range(30):
        open_card(sight, 10, 3, "drm-client-id: 7\ndrm-engine-rcs: 5 ns\n")
        found = look(looker, sight, clock)
    assert found["0 device.clock_hertz"] is RESTS
    for clock in range(30, 50):
        open_card(sight, 10, 3, f"drm-client-id: 7\ndrm-engine-rcs: {clock * 1_000_000} ns\n")
        assert look(looker, sight, clock)["0 device.clock_hertz"] == 2.4e9


def test_an_npu_tells_its_load_clock_and_memory() -> None:
    base = f"/sys/bus/pci/devices/{NPU}"
    sight, looker = MadeSight(), begin("npu")
    sight.add_tape(list_bus_files(NPU, "8086:7d1d", "0x120000", "intel_vpu"))
    sight.files |= {
        f"{base}/power/control": "on\n",
        f"{base}/npu_busy_time_us": "1000000\n",
        f"{base}/npu_current_frequency_mhz": "1400\n",
        f"{base}/npu_memory_utilization": "4096\n",
    }
    sight.watched = {10: "engine:box/one"}
    first = look(looker, sight)
    assert first["0 device.busy_seconds_total"] == 1
    assert str(first["0 device.utilisation_ratio"]).startswith("unknown: ")
    sight.files[f"{base}/npu_busy_time_us"] = "1500000\n"
    found = look(looker, sight, 1)
    assert found["0 device.utilisation_ratio"] == pytest.approx(0.5)
    assert found["0 device.clock_hertz"] == 1.4e9
    assert found["0 device.memory_used_bytes"] == 4096
    sight.files |= {f"{base}/power/control": "auto\n", f"{base}/power/runtime_status": "suspended\n"}
    sight.asked.clear()
    assert look(looker, sight, 2)["0 device.utilisation_ratio"] is SLEEPS
    assert f"{base}/npu_busy_time_us" not in sight.asked
    assert look(begin("intel"), sight) == {}, "an NPU is no GPU"


def test_all_that_they_give_is_given() -> None:
    sight = made()
    sight.watched = {10: "engine:box/one"}
    open_card(sight, 10, 3, "drm-client-id: 7\ndrm-resident-vram0: 1\ndrm-resident-gtt: 1\ndrm-engine-rcs: 5 ns\n")
    assert {key.metric for key, _ in begin("intel").look(sight, Moment(0, 0))} == given("intel")


def test_over_a_connection_descriptors_are_found_and_stay_found() -> None:
    near = made()
    near.watched = {10: "engine:box/one"}
    open_card(near, 11, 3, "drm-client-id: 7\ndrm-resident-vram0: 9\ndrm-resident-gtt: 1\ndrm-engine-rcs: 5 ns\n")
    looker, sight = begin("intel"), FarSight(near)
    for second in range(0, 600, 5):
        sight.turn()
        found = look(looker, sight, float(second))
        if second >= 60:
            assert found["one process.device_memory_bytes 0"] == 9
            assert found["0 device.clock_hertz"] == 2.4e9
