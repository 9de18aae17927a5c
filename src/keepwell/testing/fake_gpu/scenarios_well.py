"""Machines with NVIDIA cards on which nothing is wrong, whatever their drivers do not tell."""

from __future__ import annotations

from dataclasses import replace

from keepwell.testing.fake_gpu.card import GIB, NO_PERMISSION, FakeCard, FakeInstance, FakeProcess
from keepwell.testing.fake_gpu.machine import FakeEngine, FakeMachine
from keepwell.testing.fake_gpu.scenario import Scenario

H100 = FakeCard()
#: A GeForce: no ECC, no row remapping, no MIG, no virtual modes; persistence off as delivered.
RTX4090 = FakeCard(
    name="NVIDIA GeForce RTX 4090",
    pci_id="10de:2684",
    pci_class="0x030000",
    uuid="GPU-7b2f90c4-51de-4a0e-8d0a-3f6f7d2f4090",
    capability=(8, 9),
    memory_total_bytes=25_757_220_864,
    memory_used_bytes=6_442_450_944,
    utilisation_percent=0,
    temperature_celsius=38,
    fan_percent=30,
    power_milliwatts=19_830,
    power_limit_milliwatts=450_000,
    power_default_milliwatts=450_000,
    clock_megahertz=210,
    clock_max_megahertz=3105,
    performance_state=8,
    throttle=0x1,
    link=(1, 4, 16, 16),
    persistence=False,
    ecc_mode=None,
    ecc_corrected=None,
    ecc_uncorrected=None,
    remapped=None,
)
A100 = FakeCard(
    name="NVIDIA A100-SXM4-40GB",
    pci_id="10de:20b0",
    uuid="GPU-5d5ba0d6-0000-4000-8000-00000000a100",
    capability=(8, 0),
    memory_total_bytes=42_949_672_960,
    memory_used_bytes=0,
    power_limit_milliwatts=400_000,
    power_default_milliwatts=400_000,
    clock_megahertz=1410,
    link=(4, 4, 16, 16),
)
#: Before Ampere memory is repaired by leaving pages out, not rows.
V100 = replace(
    A100,
    name="Tesla V100-PCIE-32GB",
    pci_id="10de:1db6",
    capability=(7, 0),
    memory_total_bytes=34_359_738_368,
    power_limit_milliwatts=250_000,
    power_default_milliwatts=250_000,
    link=(3, 3, 16, 16),
    remapped=None,
    retired_pending=False,
)
#: Split by MIG: no load as a whole, and what the instances hold is told per instance.
A100_SPLIT = replace(
    A100,
    mig=(True, True),
    utilisation_percent=None,
    instances=(
        FakeInstance(uuid="MIG-c6d4f1ef-42e4-5de3-91c7-000000000001", memory_bytes=20 * GIB, profile="3g.20gb"),
        FakeInstance(uuid="MIG-cba663e8-9bed-5b25-b243-000000000002", memory_bytes=20 * GIB, profile="3g.20gb"),
    ),
)
#: The chip of a DGX Spark: one memory for both, about which NVML says NOT_SUPPORTED; no power limit.
GB10 = FakeCard(
    name="NVIDIA GB10",
    pci="000f:01:00.0",
    pci_id="10de:2e12",
    pci_class="0x030000",
    uuid="GPU-2dee1e25-0000-4000-8000-0000000000b1",
    capability=(12, 1),
    memory_total_bytes=None,
    memory_used_bytes=None,
    utilisation_percent=0,
    temperature_celsius=36,
    power_milliwatts=11_170,
    power_limit_milliwatts=None,
    power_default_milliwatts=None,
    clock_megahertz=208,
    performance_state=8,
    throttle=0x1,
    link=(1, 1, 1, 1),
    ecc_mode=None,
    ecc_corrected=None,
    ecc_uncorrected=None,
    remapped=None,
    processes=(FakeProcess(pid=4712, used_bytes=9_126_805_504),),
)
SPARK = FakeMachine(
    cards=(GB10,),
    driver="580.126.09",
    library="580.126.09",
    flavour="open",
    cuda=13000,
    memory_bytes=130_663_165_952,
    engine=FakeEngine(model_gpu_ratio=1.0),
)
#: Functions that came with the 510 branch.
SINCE_510 = ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v3")
#: ... and later than the 460 branch: what a 2021 driver lacks.
SINCE_470 = (*SINCE_510, "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetGridLicensableFeatures_v4")

WELL: dict[str, Scenario] = {
    "h100": Scenario(
        say="One H100 with the model of an engine on it",
        machine=FakeMachine(
            cards=(replace(H100, processes=(FakeProcess(pid=4712, used_bytes=20 * GIB),)),),
            engine=FakeEngine(model_gpu_ratio=1.0),
        ),
        good=("gpu.placement", "gpu.memory_health", "gpu.link", "gpu.answers", "gpu.access", "gpu.persistence"),
        values={
            "0 device.memory_total_bytes": 85_520_809_984,
            "0 device.memory_used_bytes": 21_480_079_360,
            "0 device.utilisation_ratio": 0.37,
            "0 device.temperature_celsius": 41,
            "0 device.power_watts": 122.4,
            "0 device.power_limit_watts": 700.0,
            "0 device.clock_hertz": 1_980_000_000,
            "0 device.throttle": (),
            "0 device.processes": ({"pid": 4712, "used_bytes": 20 * GIB},),
            "0 device.link": {"generation": 5, "generation_max": 5, "width": 16, "width_max": 16},
            "0 device.condition": "answers",
        },
        missing={"0 device.partition": ("absent", "Not Supported")},
    ),
    "geforce": Scenario(
        say="An RTX 4090 at rest: much is [N/A], and nothing is wrong",
        machine=FakeMachine(cards=(RTX4090,), driver="565.57.01", library="565.57.01", cuda=12070),
        good=("gpu.throttle", "gpu.link", "gpu.persistence"),
        values={
            "0 device.utilisation_ratio": 0.0,
            "0 device.power_watts": 19.83,
            "0 device.throttle": ("idle",),
            "0 device.link": {"generation": 1, "generation_max": 4, "width": 16, "width_max": 16},
        },
        missing={"0 device.memory_health": ("absent", "Not Supported")},
    ),
    "geforce-by-smi": Scenario(
        say="The same where no interpreter has keepwell, so that nvidia-smi tells",
        machine=FakeMachine(cards=(RTX4090,), driver="565.57.01", library="565.57.01", cuda=12070, python=False),
        good=("gpu.throttle",),
        values={
            "0 device.memory_total_bytes": 25_757_220_864,
            "0 device.power_watts": 19.83,
            "0 device.throttle": ("idle",),
        },
        missing={
            "0 device.memory_health": ("absent", "[N/A]"),
            "device.runtime": ("unknown", "no Python"),
            "0 device.link": ("unknown", ""),
        },
    ),
    "old-driver": Scenario(
        say="A driver of the 460 branch, whose library lacks newer functions",
        machine=FakeMachine(
            cards=(replace(A100, processes=(FakeProcess(pid=900, used_bytes=GIB),)),),
            driver="460.91.03",
            library="460.91.03",
            cuda=11020,
            without=SINCE_470,
        ),
        values={"0 device.processes": ({"pid": 900, "used_bytes": GIB},), "0 device.throttle": ()},
    ),
    "one-card-of-a-container": Scenario(
        say="A container that was given one of the machine's two cards: sysfs shows both",
        machine=FakeMachine(
            cards=(
                RTX4090,
                replace(RTX4090, pci="0000:02:00.0", uuid="GPU-00000000-0000-4000-8000-000000000002", listed=False),
            ),
            container="docker",
        ),
        values={"0 device.condition": "answers", "1 device.condition": "not-listed"},
    ),
    "old-driver-by-smi": Scenario(
        say="The old driver again, asked through an nvidia-smi that knows fewer fields",
        machine=FakeMachine(
            cards=(A100,), driver="460.91.03", library="460.91.03", cuda=11020, without=SINCE_470, python=False
        ),
        values={"0 device.memory_total_bytes": 42_949_672_960, "0 device.throttle": ()},
    ),
    "mig-split": Scenario(
        say="An A100 split by MIG into two instances",
        machine=FakeMachine(cards=(A100_SPLIT,), cuda_devices=1),
        good=("gpu.partition", "gpu.runtime"),
        values={"0 device.partition": {"on": True, "pending": True, "instances": 2}},
        missing={"0 device.utilisation_ratio": ("absent", "Not Supported")},
    ),
    "unified-memory": Scenario(
        say="A DGX Spark: processor and GPU share one memory",
        machine=SPARK,
        good=("gpu.placement", "gpu.runtime", "gpu.link"),
        values={"0 device.power_watts": 11.17, "0 device.processes": ({"pid": 4712, "used_bytes": 9_126_805_504},)},
        missing={
            "0 device.memory_total_bytes": ("absent", "Not Supported"),
            "0 device.memory_used_bytes": ("absent", "Not Supported"),
            "0 device.power_limit_watts": ("absent", "Not Supported"),
        },
    ),
    "one-of-two-hidden": Scenario(
        say="Two cards, of which CUDA_VISIBLE_DEVICES leaves the engine the second",
        machine=FakeMachine(
            cards=(RTX4090, replace(RTX4090, pci="0000:02:00.0", uuid="GPU-00000000-0000-4000-8000-000000000002")),
            engine=FakeEngine(environment={"CUDA_VISIBLE_DEVICES": "1"}, model_gpu_ratio=1.0),
        ),
        good=("gpu.visible", "gpu.runtime"),
        values={"1 device.temperature_celsius": 38},
    ),
    "no-permission-for-one-field": Scenario(
        say="A driver that lets root alone see who holds memory",
        machine=FakeMachine(cards=(replace(H100, refuses={"processes": NO_PERMISSION}),)),
        good=("gpu.memory",),
        missing={"0 device.processes": ("failed", "Insufficient Permissions")},
    ),
    "virtual-licensed": Scenario(
        say="A virtual GPU with its licence",
        machine=FakeMachine(
            cards=(
                replace(A100, name="NVIDIA A100-40C", virtual=2, licence=5, licence_product="NVIDIA Virtual Compute"),
            )
        ),
        good=("gpu.licence",),
        values={"0 device.licence": {"virtual": True, "state": "licensed", "product": "NVIDIA Virtual Compute"}},
    ),
}
