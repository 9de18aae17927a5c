"""Machines with GPUs of AMD, Intel and Apple."""

from __future__ import annotations

from keepwell.testing.fake_gpu.machine import FakeEngine, FakeMachine
from keepwell.testing.fake_gpu.others import AmdCard, AppleChip, IntelCard
from keepwell.testing.fake_gpu.scenario import Scenario

MI300X = AmdCard(processes=((4712, 9_126_805_504),))
RX6700 = AmdCard(
    name="AMD Radeon RX 6700 XT",
    pci="0000:03:00.0",
    pci_id="1002:73df",
    pci_class="0x030000",
    target=100301,
    vram_total_bytes=12_868_124_672,
    vram_used_bytes=520_093_696,
    temperature_millicelsius=44_000,
    power_microwatts=9_000_000,
    power_cap_microwatts=186_000_000,
    edge=True,
)
#: What a server of models writes when its libraries have no code for the card.
REFUSED = (
    'time=2026-01-01T00:00:00Z level=WARN source=amd_linux.go:378 msg="amdgpu is not supported '
    '(supported types:[gfx1030 gfx1100 gfx1101 gfx942])" gpu_type=gfx1031 gpu=0'
)

OTHERS: dict[str, Scenario] = {
    "mi300x": Scenario(
        say="An MI300X, which shows neither edge temperature nor average power",
        machine=FakeMachine(amd=(MI300X,), engine=FakeEngine(model_gpu_ratio=1.0)),
        good=("gpu.module", "gpu.memory", "gpu.access"),
        values={
            "0 device.memory_total_bytes": 206_141_652_992,
            "0 device.memory_used_bytes": 297_934_848,
            "0 device.utilisation_ratio": 0.02,
            "0 device.temperature_celsius": 41.0,
            "0 device.power_watts": 141.0,
            "0 device.power_limit_watts": 750.0,
            "0 device.clock_hertz": 132_000_000,
            "0 device.processes": ({"pid": 4712, "used_bytes": 9_126_805_504},),
        },
        missing={"0 device.throttle": ("unknown", ""), "device.runtime": ("unknown", "")},
    ),
    "mi300x-by-rocm-smi": Scenario(
        say="The same where the driver's files show no memory, so that rocm-smi tells",
        machine=FakeMachine(amd=(AmdCard(sysfs=False, target=90402),)),
        values={
            "0 device.memory_total_bytes": 206_141_652_992,
            "0 device.temperature_celsius": 41.0,
            "0 device.power_watts": 141.0,
        },
    ),
    "radeon-unsupported": Scenario(
        say="A Radeon for which the engine's libraries have no code",
        machine=FakeMachine(amd=(RX6700,), engine=FakeEngine(model_gpu_ratio=0.0, log=(REFUSED,))),
        bad={"gpu.placement": {"kind": "cpu", "vendor": "AMD"}},
        values={"0 device.temperature_celsius": 44.0, "0 device.power_watts": 9.0},
        cause="gpu-arch-unsupported",
    ),
    "radeon-not-reset": Scenario(
        say="A Radeon hangs, and its driver could not reset it",
        machine=FakeMachine(
            amd=(RX6700,),
            kernel_lines=(
                (601.0, "amdgpu 0000:03:00.0: amdgpu: ring comp_1.0.0 timeout, signaled seq=1042, emitted seq=1044"),
                (600.0, "amdgpu 0000:03:00.0: amdgpu: GPU reset begin!"),
                (598.0, "amdgpu 0000:03:00.0: amdgpu: GPU reset(2) failed"),
            ),
        ),
        bad={"gpu.errors": {"code": "reset-failed", "vendor": "AMD"}},
        cause="gpu-hardware-or-firmware-fault",
    ),
    "arc-hangs": Scenario(
        say="An Arc card that hangs",
        machine=FakeMachine(
            intel=(IntelCard(driver="i915"),),
            kernel_lines=((600.0, "i915 0000:03:00.0: [drm] GPU HANG: ecode 12:1:85dffffb, in server [4712]"),),
        ),
        bad={"gpu.errors": {"vendor": "Intel"}},
        cause="gpu-hardware-or-firmware-fault",
    ),
    "arc": Scenario(
        say="An Intel Arc card under xe, with xpu-smi",
        machine=FakeMachine(intel=(IntelCard(),)),
        good=("gpu.module", "gpu.memory"),
        values={
            "0 device.memory_total_bytes": 16_225_243_136,
            "0 device.memory_used_bytes": 851_968_000,
            "0 device.utilisation_ratio": 0.04,
            "0 device.temperature_celsius": 47.0,
            "0 device.power_watts": 42.5,
            "0 device.power_limit_watts": 190.0,
            "0 device.clock_hertz": 2_400_000_000,
        },
    ),
    "arc-without-xpu-smi": Scenario(
        say="The same without xpu-smi: memory and load are not known",
        machine=FakeMachine(intel=(IntelCard(),), programs=False),
        values={"0 device.temperature_celsius": 47.0},
        missing={
            "0 device.memory_total_bytes": ("unknown", "xpu-smi"),
            "0 device.utilisation_ratio": ("unknown", "xpu-smi"),
        },
    ),
    "apple": Scenario(
        say="An Apple M-series chip",
        machine=FakeMachine(apple=AppleChip()),
        values={
            "0 device.memory_total_bytes": 51_539_607_552,
            "0 device.memory_used_bytes": 7_688_503_296,
            "0 device.utilisation_ratio": 0.34,
        },
        missing={"0 device.power_watts": ("unknown", "root")},
    ),
}
