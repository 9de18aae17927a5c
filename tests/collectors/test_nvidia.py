"""NVIDIA's cards watched on a stand-in driver that counts what is called: numbers, refusals, and the no-wake rule."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from keepwell.core.observation import Missing
from keepwell.core.series import Reading
from keepwell.plugins.collector import Collector, Looker, Moment
from keepwell.plugins.registry import load
from keepwell.plugins.watching import RESTS, SLEEPS
from keepwell.testing.fake_gpu.card import GPU_IS_LOST, FakeCard, FakeInstance, FakeProcess
from keepwell.testing.fake_gpu.library import build_libraries
from keepwell.testing.fake_gpu.linux import list_bus_files
from keepwell.testing.fake_gpu.machine import VARIABLE, FakeMachine, render_data
from keepwell.testing.fake_gpu.played import PlayedDriver
from keepwell.testing.fake_gpu.scenarios_well import SINCE_510
from keepwell.testing.made_sight import MadeSight
from tests.fake_gpu.played import CACHE, needs_compiler

pytestmark = [
    needs_compiler,
    pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has an NVIDIA driver"),
]
FIRST = FakeCard(
    pci="0000:01:00.0",
    uuid="GPU-1",
    memory_reserved_bytes=500,
    memory_busy_percent=12,
    clock_memory_megahertz=2619,
    throttle=0x24,
    fields={
        82: 77,
        83: 5_000,
        94: 3,
        138: 4,
        139: 5,
        197: 1_000,
        198: 2_000,
        74: 2_500_000_000,
        251: 4_000_000_000,
        269: 9,
    },
)
SECOND = replace(FIRST, pci="0000:02:00.0", uuid="GPU-2", fields={}, xids=())


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> PlayedDriver:
    return PlayedDriver(tmp_path_factory.mktemp("driver"), CACHE)


@pytest.fixture
def looker() -> Iterator[Looker]:
    made = cast(Collector, load("collectors", "nvidia")).open("box")
    yield made
    made.close()


def begin(driver: PlayedDriver, *cards: FakeCard, version: str = "580.65.06") -> MadeSight:
    """A machine with these cards, none of which may suspend."""
    driver.play(FakeMachine(cards=cards, driver=version))
    driver.forget()
    sight = MadeSight()
    for card in cards:
        sight.add_tape(list_bus_files(card.pci, card.pci_id, card.pci_class, "nvidia"))
        set_power(sight, card, "on", "active")
    return sight


def set_power(sight: MadeSight, card: FakeCard, control: str, status: str) -> None:
    base = f"/sys/bus/pci/devices/{card.pci}/power"
    sight.files[f"{base}/control"] = f"{control}\n"
    sight.files[f"{base}/runtime_status"] = f"{status}\n"


def told(readings: list[Reading] | object) -> dict[str, float | Missing]:
    """Numbers by "0 device.power_watts", with labels behind."""
    found = {}
    for key, value in cast(list[Reading], list(cast(Iterator[Reading], readings))):
        labels = "".join(f" {word}" for _, word in key.labels)
        name = f"{key.subject.rpartition('/')[2]} {key.metric}{labels}"
        assert name not in found, f"{name} is told twice"
        found[name] = value
    return found


def look(looker: Looker, sight: MadeSight, clock: float = 0.0) -> dict[str, float | Missing]:
    return told(looker.look(sight, Moment(1e9 + clock, clock)))


def reason(value: float | Missing) -> tuple[str, str]:
    assert isinstance(value, Missing)
    return value.kind, value.reason


def test_numbers_come_in_base_units(driver: PlayedDriver, looker: Looker) -> None:
    found = look(looker, begin(driver, FIRST))
    wished = {
        "0 device.asleep": 0,
        "0 device.memory_total_bytes": 85_520_809_984,
        "0 device.memory_used_bytes": 21_480_079_360,
        "0 device.memory_reserved_bytes": 500,
        "0 device.utilisation_ratio": 0.37,
        "0 device.memory_busy_ratio": 0.12,
        "0 device.power_watts": 122.4,
        "0 device.power_limit_watts": 700,
        "0 device.clock_hertz": 1.98e9,
        "0 device.memory_clock_hertz": 2.619e9,
        "0 device.memory_temperature_celsius": 77,
        "0 device.energy_joules_total": 5,
        "0 device.link_replays_total": 3,
        "0 device.link_sent_bytes_total": 1_000,
        "0 device.peer_link_sent_bytes_total": 4096,
        "0 device.peer_link_received_bytes_total": 5120,
        "0 device.throttled power-limit": 1,
        "0 device.throttled thermal": 1,
        "0 device.throttled hardware-slowdown": 0,
        "0 device.throttled_seconds_total power-limit": 2.5,
        "0 device.throttled_seconds_total thermal": 4,
        "0 device.errors_total": 0,
        "0 device.compute_processes": 0,
    }
    assert {name: found[name] for name in wished} == pytest.approx(wished)


@pytest.mark.parametrize(("version", "seconds"), [("580.65.06", 4.0), ("590.44.01", 9e-9), ("570.86.10", None)])
def test_field_numbers_that_moved_are_asked_as_the_driver_has_them(
    driver: PlayedDriver, looker: Looker, version: str, seconds: float | None
) -> None:
    found = look(looker, begin(driver, FIRST, version=version))["0 device.throttled_seconds_total thermal"]
    if seconds is None:
        assert reason(found) == ("absent", "NVML: this driver has no such field")
    else:
        assert found == seconds


def test_what_a_card_lacks_is_absent_with_its_reason_and_asked_once(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, replace(FIRST, power_milliwatts=None))
    for clock in range(5):
        found = look(looker, sight, clock)
        assert reason(found["0 device.power_watts"]) == ("absent", "NVML: Not Supported")
        assert found["0 device.temperature_celsius"] == 41
    assert driver.calls("power") == 1
    assert driver.calls("temperature") == 5


def test_slow_questions_are_seldom_and_their_numbers_stay(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, FIRST)
    for clock in range(30):
        assert look(looker, sight, clock)["0 device.memory_errors_total corrected"] == 0
    assert driver.calls("ecc.corrected") == 1
    assert driver.calls("processes") == 6 * 2, "compute and graphics, every five seconds; no card here may sleep"
    assert driver.calls("init") == 1
    assert driver.calls("handle") == 1


def test_memory_is_told_while_a_card_that_holds_a_model_is_idle(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, replace(FIRST, utilisation_percent=0, memory_used_bytes=7))
    assert look(looker, sight)["0 device.memory_used_bytes"] == 7
    driver.play(FakeMachine(cards=(replace(FIRST, utilisation_percent=0, memory_used_bytes=9),), driver="580.65.06"))
    assert look(looker, sight, 1)["0 device.memory_used_bytes"] == 9


def test_processes_count_for_the_engines_that_are_watched(driver: PlayedDriver, looker: Looker) -> None:
    """A runner that the watched process started is the engine's; one of somebody else is not."""
    held = (FakeProcess(pid=10, used_bytes=100), FakeProcess(pid=30, used_bytes=20), FakeProcess(pid=40, used_bytes=3))
    sight = begin(driver, replace(FIRST, processes=held), SECOND)
    for pid, parent in ((30, 11), (40, 1)):
        sight.files[f"/proc/{pid}/stat"] = f"{pid} (some (name)) S {parent} 1 1 0 -1 {'0 ' * 40}"
    sight.watched = {10: "engine:box/one", 11: "engine:box/one", 13: "engine:box/two"}
    found = look(looker, sight)
    assert found["one process.device_memory_bytes 0"] == 120
    assert found["one process.device_memory_bytes 1"] == 0
    assert found["two process.device_memory_bytes 0"] == 0
    assert found["0 device.compute_processes"] == 3


def test_memory_that_the_driver_does_not_tell_is_unknown_and_never_0(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, replace(FIRST, processes=(FakeProcess(pid=10), FakeProcess(pid=99, used_bytes=5))))
    sight.watched = {10: "engine:box/one", 11: "engine:box/two"}
    found = look(looker, sight)
    assert reason(found["one process.device_memory_bytes 0"])[0] == "unknown"
    assert "cannot be seen from here" in reason(found["two process.device_memory_bytes 0"])[1]


def test_a_chip_without_memory_of_its_own_shows_the_hosts(driver: PlayedDriver, looker: Looker) -> None:
    for total in (None, 0):
        sight = begin(driver, replace(FIRST, memory_total_bytes=total, memory_used_bytes=0))
        sight.files["/proc/meminfo"] = "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 600 kB\n"
        looker.close()
        found = look(looker, sight)
        assert found["0 device.memory_total_bytes"] == 1_024_000
        assert found["0 device.memory_used_bytes"] == 409_600


def test_instances_of_a_split_card_have_their_memory(driver: PlayedDriver, looker: Looker) -> None:
    split = replace(
        FIRST,
        mig=(True, True),
        utilisation_percent=None,
        instances=(FakeInstance(uuid="MIG-1", memory_bytes=11), FakeInstance(uuid="MIG-2", memory_bytes=22)),
    )
    found = look(looker, begin(driver, split))
    assert found["0 device.instance_memory_total_bytes 0"] == 11
    assert found["0 device.instance_memory_total_bytes 1"] == 22
    assert reason(found["0 device.utilisation_ratio"])[0] == "absent"


def test_errors_are_counted_by_code_and_survive_a_restart_of_nvml(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, replace(FIRST, xids=(79, 31, 31)))
    found = look(looker, sight)
    assert found["0 device.errors_total"] == 3
    assert found["0 device.errors_by_code_total 31"] == 2
    looker.close()
    assert look(looker, sight, 1)["0 device.errors_by_code_total 79"] == 1


def test_what_worked_is_told_from_two_samples_and_they_are_given_back(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, replace(FIRST, shares={2: 61.5, 10: 83.0}), SECOND)
    assert reason(look(looker, sight)["0 device.memory_bandwidth_ratio"])[0] == "unknown"
    found = look(looker, sight, 5)
    assert found["0 device.memory_bandwidth_ratio"] == pytest.approx(0.83)
    assert found["0 device.compute_busy_ratio"] == pytest.approx(0.615)
    assert reason(found["0 device.tensor_busy_ratio"]) == ("absent", "NVML: Not Supported")
    assert reason(found["1 device.memory_bandwidth_ratio"]) == ("absent", "NVML: Not Supported")
    looker.close()
    assert driver.calls("sample.alloc") == driver.calls("sample.free") == 2


def test_a_lost_card_is_failed_and_nvml_is_started_again_later(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, FIRST, SECOND)
    look(looker, sight)
    driver.play(FakeMachine(cards=(replace(FIRST, every=GPU_IS_LOST), SECOND), driver="580.65.06"))
    found = look(looker, sight, 1)
    assert reason(found["0 device.power_watts"]) == ("failed", "NVML: GPU is lost")
    assert found["1 device.power_watts"] == pytest.approx(122.4)
    driver.play(FakeMachine(cards=(FIRST, SECOND), driver="580.65.06"))
    assert reason(look(looker, sight, 30)["1 device.power_watts"])[0] == "unknown"
    assert driver.calls("init") == 1
    assert look(looker, sight, 62)["0 device.power_watts"] == pytest.approx(122.4)
    assert driver.calls("init") == 2


def test_a_driver_that_does_not_start_says_why_and_is_left_in_peace(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, FIRST)
    driver.play(FakeMachine(cards=(FIRST,), nvml_code=18))
    for clock in range(59):
        found = look(looker, sight, clock)
        assert reason(found["0 device.power_watts"]) == (
            "failed",
            "NVML: RM has detected an NVML/RM version mismatch.",
        )
    assert driver.calls("init") == 1
    driver.play(FakeMachine(cards=(FIRST,)))
    assert look(looker, sight, 61)["0 device.power_watts"] == pytest.approx(122.4)


def test_a_slow_start_keeps_no_look_waiting(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, FIRST)
    driver.play(FakeMachine(cards=(FIRST,), nvml_milliseconds=2500))
    found = look(looker, sight)
    assert reason(found["0 device.power_watts"]) == ("unknown", "NVML is being started")
    assert found["0 device.asleep"] == 0
    for clock in range(1, 60):  # each look waits half a second at most
        found = look(looker, sight, clock)
        if not isinstance(found["0 device.power_watts"], Missing):
            break
    assert found["0 device.power_watts"] == pytest.approx(122.4)
    assert driver.calls("init") == 1


def test_a_suspended_card_is_never_touched(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, FIRST)
    set_power(sight, FIRST, "auto", "suspended")
    for clock in range(200):
        found = look(looker, sight, clock)
        assert found["0 device.asleep"] == 1
        assert found["0 device.power_watts"] is SLEEPS
    assert driver.calls("init") == driver.calls("handle") == driver.calls("ask") == 0
    assert not {path for path in sight.asked if path.endswith(("/config", "/current_link_speed"))}


def test_nvml_is_closed_at_once_where_a_card_could_fall_asleep(driver: PlayedDriver, looker: Looker) -> None:
    """It is asked once in 30 s, so that the kernel's delays pass in between; asleep, it stays so."""
    sight = begin(driver, FIRST)
    set_power(sight, FIRST, "auto", "active")
    for clock in range(60):
        found = look(looker, sight, clock)
        assert driver.calls("init") == driver.calls("shutdown") == 1 + clock // 30
        if clock % 30:
            assert found["0 device.power_watts"] is RESTS
        else:
            assert found["0 device.power_watts"] == pytest.approx(122.4)
    set_power(sight, FIRST, "auto", "suspended")
    driver.forget()
    look(looker, sight, 60)
    assert driver.calls("init") == driver.calls("ask") == 0


def test_a_card_that_somebody_computes_on_is_asked_at_each_look(driver: PlayedDriver, looker: Looker) -> None:
    busy = replace(FIRST, processes=(FakeProcess(pid=10, used_bytes=100),))
    sight = begin(driver, busy)
    set_power(sight, FIRST, "auto", "active")
    for clock in range(10):
        assert look(looker, sight, clock)["0 device.power_watts"] == pytest.approx(122.4)
    assert (driver.calls("init"), driver.calls("shutdown")) == (1, 0)
    driver.play(FakeMachine(cards=(FIRST,), driver="580.65.06"))
    look(looker, sight, 10)
    assert driver.calls("shutdown") == 1


def test_a_display_alone_does_not_count_as_computing(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, replace(FIRST, processes=(FakeProcess(pid=10, used_bytes=100, graphics=True),)))
    set_power(sight, FIRST, "auto", "active")
    look(looker, sight)
    assert driver.calls("shutdown") == 1


def test_no_card_is_asked_while_another_sleeps(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, FIRST, SECOND)
    set_power(sight, SECOND, "auto", "suspended")
    found = look(looker, sight)
    assert "another card of this driver is suspended" in reason(found["0 device.power_watts"])[1]
    assert found["1 device.power_watts"] is SLEEPS
    assert driver.calls("init") == 0


def test_without_card_and_driver_nothing_is_told(looker: Looker, driver: PlayedDriver) -> None:
    driver.play(FakeMachine(nvml_code=9))
    assert look(looker, MadeSight()) == {}


def test_a_card_that_the_driver_does_not_list(driver: PlayedDriver, looker: Looker) -> None:
    sight = begin(driver, FIRST)
    sight.add_tape(list_bus_files("0000:07:00.0", "10de:2330", "0x030200", ""))
    assert reason(look(looker, sight)["1 device.power_watts"]) == ("unknown", "its driver does not list it")


def test_a_card_without_a_handle_says_why(driver: PlayedDriver, looker: Looker) -> None:
    found = look(looker, begin(driver, FIRST, replace(SECOND, handle=GPU_IS_LOST)))
    assert reason(found["1 device.power_watts"]) == ("failed", "NVML: GPU is lost")
    assert found["0 device.power_watts"] == pytest.approx(122.4)


def test_every_reading_is_declared_and_given(driver: PlayedDriver, looker: Looker) -> None:
    gives = set(cast(Collector, load("collectors", "nvidia")).gives)
    sight = begin(
        driver, replace(FIRST, xids=(79,), mig=(True, True), instances=(FakeInstance(uuid="a", memory_bytes=1),))
    )
    sight.watched = {1: "engine:box/one"}
    keys = [key for key, _ in looker.look(sight, Moment(0, 0))]
    assert {key.metric for key in keys} == gives


def test_an_old_driver_lacks_functions_and_tells_the_rest(tmp_path: Path) -> None:
    """In a process of its own: another set of functions is another library."""
    without = (*SINCE_510, "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetFieldValues", "nvmlEventSetWait_v2")
    (tmp_path / "gpu.data").write_text(
        render_data(FakeMachine(cards=(replace(FIRST, processes=(FakeProcess(pid=5, used_bytes=6),)),)))
    )
    program = (
        "import json\n"
        "from keepwell.plugins.collector import Moment\n"
        "from keepwell.plugins.registry import load\n"
        "from keepwell.testing.made_sight import MadeSight\n"
        "looker = load('collectors', 'nvidia').open('box')\n"
        "print(json.dumps([[key.metric, str(value)] for key, value in looker.look(MadeSight(), Moment(0, 0))]))\n"
        "looker.close()\n"
    )
    environment = os.environ | {
        VARIABLE: str(tmp_path / "gpu.data"),
        "LD_LIBRARY_PATH": str(build_libraries(CACHE, without)),
    }
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    found = dict(json.loads(ran.stdout))
    assert found["device.memory_used_bytes"] == "21480079360.0"
    assert found["device.memory_reserved_bytes"] == "absent: this driver counts it as used"
    assert found["device.energy_joules_total"] == "absent: NVML: Function Not Found"
    assert found["device.compute_processes"] == "1.0"
