"""The child processes that ask NVML and CUDA: really run, without a driver, with a stand-in, hanging, crashing."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.devices import _cuda_child, _nvml_child
from keepwell.devices._child import CANNOT_ASK, ask_child, parse_answer
from keepwell.devices._nvml_library import FOLDERS, SONAME
from keepwell.devices.nvidia import cuda, nvml
from keepwell.testing.fake_gpu.card import GPU_IS_LOST, FakeCard, FakeProcess
from keepwell.testing.fake_gpu.library import build_libraries
from keepwell.testing.fake_gpu.machine import VARIABLE, FakeMachine, render_data
from keepwell.testing.fake_gpu.scenarios_well import SINCE_510
from keepwell.testing.node import RecordedNode
from keepwell.transport.local import LocalTransport
from tests.fake_gpu.played import CACHE, needs_compiler

HAS_DRIVER = Path("/dev/nvidiactl").exists()
without_driver = pytest.mark.skipif(HAS_DRIVER, reason="this machine has an NVIDIA driver")


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport("here")
    yield transport
    await transport.close()


@without_driver
async def test_nvml_without_a_driver_is_absent_with_its_reason(here: LocalTransport) -> None:
    found = await nvml.read_nvml(here)
    assert isinstance(found, Missing)
    assert found.kind == "absent"
    assert "NVML Shared Library Not Found" in found.reason


@without_driver
async def test_cuda_without_a_driver_is_absent_with_its_reason(here: LocalTransport) -> None:
    found = await cuda.initialise(here)
    assert isinstance(found, Missing)
    assert found.kind == "absent"
    assert "libcuda.so.1" in found.reason


def lend(monkeypatch: pytest.MonkeyPatch, folder: Path, machine: FakeMachine) -> None:
    """Let children of this process find the stand-in driver, playing this machine."""
    data = folder / "gpu.data"
    data.write_text(render_data(machine))
    monkeypatch.setenv(VARIABLE, str(data))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_libraries(CACHE, machine.without)))


CARD = FakeCard(
    name="NVIDIA Test 9000",
    uuid="GPU-1",
    capability=(8, 9),
    memory_total_bytes=1000,
    memory_used_bytes=400,
    utilisation_percent=50,
    clock_megahertz=1500,
    power_milliwatts=None,
    power_limit_milliwatts=300_000,
    throttle=0x44,
    compute_mode=3,
    ecc_uncorrected=2,
    remapped=(1, 1, 1, 0),
    link=(1, 4, 8, 16),
    processes=(FakeProcess(pid=77, used_bytes=300), FakeProcess(pid=78, graphics=True)),
)


@needs_compiler
async def test_a_whole_answer_of_nvml(here: LocalTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lend(monkeypatch, tmp_path, FakeMachine(cards=(CARD, FakeCard(handle=GPU_IS_LOST))))
    found = await nvml.read_nvml(here)
    assert isinstance(found, tuple)
    sound, lost = found
    assert sound.pci == "0000:01:00.0"
    assert sound.values["device.identity"] == {
        "name": "NVIDIA Test 9000",
        "uuid": "GPU-1",
        "compute_capability": "8.9",
        "compute_mode": "exclusive-process",
        "persistence": True,
    }
    assert sound.values["device.memory_used_bytes"] == 400
    assert sound.values["device.utilisation_ratio"] == 0.5
    assert sound.values["device.power_limit_watts"] == 300.0
    assert sound.values["device.clock_hertz"] == 1_500_000_000
    assert sound.values["device.throttle"] == ("power-limit", "thermal-hardware")
    assert sound.values["device.processes"] == ({"pid": 77, "used_bytes": 300}, {"pid": 78})
    assert sound.values["device.link"] == {"generation": 1, "generation_max": 4, "width": 8, "width_max": 16}
    assert sound.values["device.memory_health"] == {
        "uncorrected_errors": 2,
        "remap_pending": True,
        "remap_failed": False,
    }
    power = sound.values["device.power_watts"]
    assert isinstance(power, Missing)
    assert (power.kind, power.reason) == ("absent", "NVML: Not Supported")
    gone = lost.values["device.memory_total_bytes"]
    assert isinstance(gone, Missing)
    assert (gone.kind, gone.reason) == ("failed", "NVML: GPU is lost")
    assert (sound.values["device.condition"], lost.values["device.condition"]) == ("answers", "lost")


@needs_compiler
async def test_a_function_that_an_old_library_lacks_costs_its_own_field_only(
    here: LocalTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = ("nvmlDeviceGetRemappedRows", "nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetMigMode")
    lend(monkeypatch, tmp_path, FakeMachine(cards=(CARD,), without=(*SINCE_510, *gone)))
    found = await nvml.read_nvml(here)
    assert isinstance(found, tuple)
    values = found[0].values
    assert values["device.processes"] == ({"pid": 77, "used_bytes": 300},)
    for name in ("device.power_limit_watts", "device.partition"):
        value = values[name]
        assert isinstance(value, Missing)
        assert (value.kind, value.reason) == ("absent", "NVML: Function Not Found")


@needs_compiler
async def test_a_hang_ends_at_the_limit(here: LocalTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lend(monkeypatch, tmp_path, FakeMachine(cards=(CARD,), nvml_milliseconds=60_000))
    found = await ask_child(nvml.CHILD, here, 0.5)
    assert isinstance(found, Missing)
    assert found.kind == "failed"
    assert "0.5 s" in found.reason


@needs_compiler
async def test_a_crash_of_the_driver_stays_in_the_child(
    here: LocalTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lend(monkeypatch, tmp_path, FakeMachine(cards=(CARD,), crashes=True))
    found = await nvml.read_nvml(here)
    assert isinstance(found, Missing)
    assert found.kind == "failed"
    assert "signal 6" in found.reason


@needs_compiler
def test_a_library_outside_the_loader_s_folders_is_found(tmp_path: Path) -> None:
    """As in WSL without its line in the loader's configuration, and on NixOS."""
    library = build_libraries(CACHE) / SONAME
    said = run_script(
        tmp_path,
        FakeMachine(cards=(CARD,)),
        f"assert child.load_library(('/nowhere/{SONAME}', {str(library)!r})) == {str(library)!r}\n"
        "print(child.report()['devices'][0]['name'])\n",
    )
    assert said == "NVIDIA Test 9000"


@needs_compiler
def test_cuda_outside_the_loader_s_folders_is_found(tmp_path: Path) -> None:
    library = build_libraries(CACHE) / "libcuda.so.1"
    script = (
        "from keepwell.devices import _cuda_child as cuda\n"
        f"print(json.dumps(cuda.report(('/nowhere/libcuda.so.1', {str(library)!r}))))\n"
    )
    found = json.loads(run_script(tmp_path, FakeMachine(cards=(CARD, CARD), cuda_devices=2), script))
    assert (found["code"], found["devices"], found["version"]) == (0, 2, 12040)
    assert {Path(one).parent for one in _cuda_child.LIBRARIES[1:]} == {Path(one) for one in FOLDERS}


@needs_compiler
def test_cards_that_take_long_to_start_do_not_cost_the_answers_of_the_others(tmp_path: Path) -> None:
    """Without persistence mode each card takes seconds: what was told in time is told."""
    library = build_libraries(CACHE) / SONAME
    said = run_script(
        tmp_path,
        FakeMachine(cards=(CARD, CARD, CARD), handle_milliseconds=200),
        f"child.load_library(({str(library)!r},))\nprint(json.dumps(child.report(0.3)))\n",
    )
    found = nvml.parse_readings(json.loads(said))
    assert isinstance(found, tuple)
    assert [one.values["device.temperature_celsius"] for one in found[:2]] == [41, 41]
    late = found[2].values["device.temperature_celsius"]
    assert isinstance(late, Missing)
    assert (late.kind, "not asked" in late.reason) == ("failed", True)
    assert isinstance(found[2].values["device.condition"], Missing)


def run_script(folder: Path, machine: FakeMachine, script: str) -> str:
    """What a script says in which `child` is the module that asks NVML."""
    data = folder / "gpu.data"
    data.write_text(render_data(machine))
    begin = "import json\nfrom keepwell.devices import _nvml_child as child\n"
    ran = subprocess.run(
        [sys.executable, "-c", begin + script],
        env={VARIABLE: str(data), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


async def test_without_a_python_it_cannot_be_asked(here: LocalTransport) -> None:
    for python in ("", "/nowhere/python3"):
        here.python = python
        found = await ask_child(cuda.CHILD, here, 5.0)
        assert isinstance(found, Missing)
        assert found.kind == "absent"
        assert found.reason.startswith(CANNOT_ASK)


async def test_a_module_that_is_not_installed_cannot_be_asked(here: LocalTransport) -> None:
    found = await ask_child("keepwell.devices._no_such_child", here, 5.0)
    assert isinstance(found, Missing)
    assert found.reason.startswith(CANNOT_ASK)


def test_variables_that_choose_devices_do_not_reach_cuda(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert _cuda_child.main() == 0
    assert "CUDA_VISIBLE_DEVICES" not in _cuda_child.os.environ
    assert capsys.readouterr().out.startswith("{")


class FakeCuda:
    """libcuda as the child sees it."""

    def __init__(self, code: int) -> None:
        self.code = code

    def cuInit(self, flags: int) -> int:
        """As cuda.h."""
        return self.code

    def cuDriverGetVersion(self, number: Any) -> int:
        """As cuda.h."""
        ctypes.cast(number, ctypes.POINTER(ctypes.c_int))[0] = 12080
        return 0

    def cuDeviceGetCount(self, number: Any) -> int:
        """As cuda.h."""
        ctypes.cast(number, ctypes.POINTER(ctypes.c_int))[0] = 4
        return 0


def test_cuda_s_codes_and_versions() -> None:
    well = cuda.parse_state(_cuda_child._initialise(FakeCuda(0)))
    assert not isinstance(well, Missing)
    assert (well.code, well.name, well.devices, well.version) == (0, "CUDA_SUCCESS", 4, "12.8")
    sick = cuda.parse_state(_cuda_child._initialise(FakeCuda(999)))
    assert not isinstance(sick, Missing)
    assert (sick.code, sick.name, sick.devices, sick.version) == (999, "CUDA_ERROR_UNKNOWN", 0, "12.8")


@pytest.mark.parametrize(
    ("code", "name"),
    [(100, "CUDA_ERROR_NO_DEVICE"), (802, "CUDA_ERROR_SYSTEM_NOT_READY"), (4242, "CUDA_ERROR_4242")],
)
def test_names_of_codes(code: int, name: str) -> None:
    assert cuda.name_code(code) == name


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
RAW_DEVICE = st.dictionaries(st.sampled_from([*_nvml_child.QUESTIONS, "error", "missing"]), JSON, max_size=8)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["devices", "error", "driver"]), JSON | st.lists(RAW_DEVICE, max_size=3)))
def test_answers_of_nvml_never_raise(answer: dict[str, Any]) -> None:
    found = nvml.parse_readings(answer)
    assert isinstance(found, Missing | tuple)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["code", "devices", "version", "seconds", "missing"]), JSON))
def test_answers_of_cuda_never_raise(answer: dict[str, Any]) -> None:
    cuda.parse_state(answer)


@settings(max_examples=60)
@given(st.binary(max_size=60))
def test_output_of_a_child_never_raises(content: bytes) -> None:
    found = parse_answer(content, "no answer")
    assert isinstance(found, Missing | dict)


async def test_the_plug_in_asks_the_vendor_s_program_where_no_python_is() -> None:
    from keepwell.devices.nvidia import DEVICE, Nvidia

    assert isinstance(DEVICE, Nvidia)
    node = RecordedNode()
    found = await DEVICE.readings((), node)
    assert isinstance(found, Missing)
    assert found.reason == "there is no nvidia-smi"
    assert [call.split()[1] for call in node.calls if call.startswith("run")] == [
        "nvidia-smi",
        "/usr/lib/wsl/lib/nvidia-smi",
    ]
    assert sys.executable not in " ".join(node.calls)
