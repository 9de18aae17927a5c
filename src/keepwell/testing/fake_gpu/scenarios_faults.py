"""Machines with NVIDIA cards on which something is wrong, and the cause that must come first."""

from __future__ import annotations

from dataclasses import replace

from keepwell.testing.fake_gpu.card import GPU_IS_LOST, INSUFFICIENT_POWER, RESET_REQUIRED, UNKNOWN_ERROR
from keepwell.testing.fake_gpu.machine import FakeEngine, FakeMachine
from keepwell.testing.fake_gpu.scenario import Scenario
from keepwell.testing.fake_gpu.scenarios_well import A100, H100, RTX4090, V100

SECOND = replace(RTX4090, pci="0000:02:00.0", uuid="GPU-00000000-0000-4000-8000-000000000002")
HARDWARE = "gpu-hardware-or-firmware-fault"
#: Minutes ago, in seconds.
RECENTLY = 600.0
KERNEL = "6.8.0-49-generic"


def xid(number: int, text: str, *, card: str = "0000:01:00") -> tuple[float, str]:
    """A line as the driver writes it, some minutes ago."""
    return RECENTLY, f"NVRM: Xid (PCI:{card}): {number}, pid=4712, name=ollama, {text}"


#: What the driver writes behind each number, shortened.
XIDS: dict[int, str] = {
    13: "Graphics SM Warp Exception on (GPC 2, TPC 1, SM 0): Out Of Range Address",
    31: "Ch 00000010, intr 10000000. MMU Fault: ENGINE GRAPHICS GPCCLIENT_T1_4 faulted @ 0x7f12_00000000",
    48: "An uncorrectable double bit error (DBE) has been detected on GPU in the framebuffer at physical address 0x0",
    63: "Row Remapper: New row (0x000000000d0e0000) marked for remapping, reset gpu to activate.",
    64: "Row Remapper: Error, failed to remap row 0x000000000d0e0000",
    74: "NVLink: fatal error detected on link 3(0x10000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)",
    79: "GPU has fallen off the bus.",
    94: "Contained: SM (0x1). RST: No, D-RST: No",
    95: "Uncontained: LTC TAG (0x2,0x0). RST: Yes, D-RST: No",
    119: "Timeout after 45s of waiting for RPC response from GPU0 GSP! Expected function 76 (GSP_RM_CONTROL).",
}
#: Those that the driver calls a record: nothing is bad until the next line or the memory's own state.
RECORDS = frozenset({63})
#: Those after which CUDA does not start any more.
ENDING = frozenset({79, 119})

_XID_ROWS: dict[str, Scenario] = {
    f"xid-{number}": Scenario(
        say=f"The kernel log holds Xid {number}",
        machine=FakeMachine(
            cards=(replace(H100, every=GPU_IS_LOST),) if number == 79 else (H100,),
            kernel_lines=(xid(number, text),),
            cuda_code=UNKNOWN_ERROR if number in ENDING else 0,
        ),
        bad=(
            ({} if number in RECORDS else {"gpu.errors": {"xid": str(number), "gpu": "0"}})
            | ({"gpu.runtime": {"code": "999"}} if number in ENDING else {})
            | ({"gpu.answers": {"kind": "lost"}} if number == 79 else {})
        ),
        cause=HARDWARE,
    )
    for number, text in XIDS.items()
}

FAULTS: dict[str, Scenario] = _XID_ROWS | {
    "mig-without-instances": Scenario(
        say="MIG is on and no instance was made: CUDA finds no device",
        machine=FakeMachine(cards=(replace(A100, mig=(True, True), utilisation_percent=None),), cuda_code=100),
        bad={"gpu.partition": {"kind": "empty"}, "gpu.runtime": {"code": "100"}},
        values={"0 device.partition": {"on": True, "pending": True, "instances": 0}},
        cause="mig-without-instances",
    ),
    "lost": Scenario(
        say="The second of two cards is lost, and the kernel's log may not be read",
        machine=FakeMachine(cards=(RTX4090, replace(SECOND, handle=GPU_IS_LOST)), cuda_code=UNKNOWN_ERROR),
        bad={"gpu.answers": {"kind": "lost", "gpu": "1"}, "gpu.runtime": {"code": "999"}},
        values={"0 device.temperature_celsius": 38, "0 device.condition": "answers", "1 device.condition": "lost"},
        missing={"1 device.memory_total_bytes": ("failed", "GPU is lost")},
        cause=HARDWARE,
        log_hidden=True,
    ),
    "lost-by-smi": Scenario(
        say="The same where nvidia-smi must tell: it names the card and lists the other",
        machine=FakeMachine(
            cards=(RTX4090, replace(SECOND, handle=UNKNOWN_ERROR)), cuda_code=UNKNOWN_ERROR, python=False
        ),
        bad={"gpu.answers": {"kind": "unreachable", "gpu": "1"}},
        values={"0 device.temperature_celsius": 38},
        missing={"1 device.memory_total_bytes": ("failed", "Unable to determine the device handle")},
        cause=HARDWARE,
        log_hidden=True,
    ),
    "off-the-bus": Scenario(
        say="The first of two cards has fallen off the bus while it worked",
        machine=FakeMachine(
            cards=(replace(RTX4090, handle=UNKNOWN_ERROR), SECOND),
            kernel_lines=(
                xid(79, "GPU has fallen off the bus."),
                (RECENTLY - 1, "NVRM: GPU 0000:01:00.0: GPU has fallen off the bus."),
                (RECENTLY - 1, "NVRM: A GPU crash dump has been created. If possible, please run nvidia-bug-report.sh"),
                xid(154, "GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)"),
            ),
            cuda_code=UNKNOWN_ERROR,
        ),
        bad={
            "gpu.errors": {"kind": "xid", "action": "reboot"},
            "gpu.answers": {"kind": "unreachable", "gpu": "0"},
            "gpu.runtime": {"code": "999"},
        },
        missing={"0 device.memory_used_bytes": ("failed", "Unknown Error")},
        cause=HARDWARE,
    ),
    "power-cable-missing": Scenario(
        say="The second card's extra power is not plugged in",
        machine=FakeMachine(cards=(RTX4090, replace(SECOND, handle=INSUFFICIENT_POWER))),
        bad={"gpu.answers": {"kind": "no-power", "gpu": "1"}},
        missing={"1 device.memory_total_bytes": ("failed", "Insufficient External Power")},
        cause="gpu-power-or-link-unstable",
    ),
    "not-listed": Scenario(
        say="The driver could not start the second card, and lists the first alone",
        machine=FakeMachine(
            cards=(RTX4090, replace(SECOND, listed=False)),
            kernel_lines=(
                (RECENTLY, "NVRM: GPU 0000:02:00.0: RmInitAdapter failed! (0x26:0x56:1474)"),
                (RECENTLY, "NVRM: GPU 0000:02:00.0: rm_init_adapter failed, device minor number 1"),
            ),
        ),
        bad={"gpu.answers": {"kind": "not-listed", "gpu": "1"}, "gpu.errors": {"code": "init-failed"}},
        values={"0 device.temperature_celsius": 38, "1 device.condition": "not-listed"},
        missing={"1 device.power_watts": ("unknown", "does not list")},
        cause=HARDWARE,
    ),
    "reset-required": Scenario(
        say="The card says that it must be reset before it can be used",
        machine=FakeMachine(cards=(replace(H100, every=RESET_REQUIRED),), cuda_code=46),
        bad={"gpu.answers": {"kind": "reset-required"}, "gpu.runtime": {"code": "46"}},
        missing={"0 device.temperature_celsius": ("failed", "GPU requires")},
        cause=HARDWARE,
    ),
    "memory-errors": Scenario(
        say="Uncorrectable memory errors; a row waits for the reset that repairs it",
        machine=FakeMachine(
            cards=(replace(H100, ecc_uncorrected=3, remapped=(0, 1, 1, 0)),),
            kernel_lines=(xid(94, XIDS[94]), xid(63, XIDS[63])),
        ),
        bad={"gpu.memory_health": {"kind": "pending", "errors": "3"}, "gpu.errors": {"xid": "94"}},
        values={"0 device.memory_health": {"uncorrected_errors": 3, "remap_pending": True, "remap_failed": False}},
        cause=HARDWARE,
    ),
    "pages-to-retire": Scenario(
        say="A card of before row repair: faulty pages of its memory wait for a reset to be left out",
        machine=FakeMachine(cards=(replace(V100, retired_pending=True),)),
        bad={"gpu.memory_health": {"kind": "pending", "errors": "0"}},
        values={"0 device.memory_health": {"uncorrected_errors": 0, "remap_pending": True, "remap_failed": False}},
        cause=HARDWARE,
    ),
    "memory-beyond-repair": Scenario(
        say="A row of memory could not be repaired",
        machine=FakeMachine(cards=(replace(H100, remapped=(0, 8, 0, 1)),)),
        bad={"gpu.memory_health": {"kind": "failed"}},
        cause=HARDWARE,
    ),
    "too-hot": Scenario(
        say="Heat lowers the clocks",
        machine=FakeMachine(
            cards=(replace(RTX4090, temperature_celsius=91, throttle=0x68, clock_megahertz=840, performance_state=2),)
        ),
        bad={"gpu.throttle": {"kind": "thermal", "temperature_celsius": "91"}},
        values={"0 device.throttle": ("hardware-slowdown", "thermal", "thermal-hardware")},
        cause="gpu-throttled",
    ),
    "power-brake": Scenario(
        say="The power supply's brake lowers the clocks",
        machine=FakeMachine(cards=(replace(H100, throttle=0x88, clock_megahertz=345),)),
        bad={"gpu.throttle": {"kind": "power"}},
        cause="gpu-throttled",
    ),
    "one-lane": Scenario(
        say="A card for sixteen lanes sits on one",
        machine=FakeMachine(cards=(replace(RTX4090, link=(3, 4, 1, 16)),)),
        bad={"gpu.link": {"width": "1", "width_max": "16"}},
        values={"0 device.link": {"generation": 3, "generation_max": 4, "width": 1, "width_max": 16}},
        cause="pcie-link-narrow",
    ),
    "virtual-unlicensed": Scenario(
        say="A virtual GPU whose licence was never had",
        machine=FakeMachine(
            cards=(
                replace(A100, name="NVIDIA A100-40C", virtual=2, licence=3, licence_product="NVIDIA Virtual Compute"),
            )
        ),
        bad={"gpu.licence": {"kind": "unlicensed", "state": "restricted"}},
        cause="gpu-throttled",
    ),
    "library-mismatch": Scenario(
        say="The driver's packages were upgraded and the old module is still loaded",
        machine=FakeMachine(cards=(RTX4090,), library="550.90.07", nvml_code=18, cuda_code=803),
        bad={"gpu.versions": {"kind": "mismatch"}, "gpu.runtime": {"code": "803"}},
        missing={"0 device.memory_total_bytes": ("failed", "version mismatch")},
        cause="driver-library-version-mismatch",
    ),
    "forward-compatibility": Scenario(
        say="A compatibility library on a card that it is not for",
        machine=FakeMachine(cards=(RTX4090,), driver="535.183.01", library="535.183.01", cuda_code=804),
        bad={"gpu.runtime": {"code": "804"}},
        cause="driver-too-old-for-cuda",
    ),
    "no-permission": Scenario(
        say="The device nodes belong to a group that the engine's user is not in",
        machine=FakeMachine(
            cards=(RTX4090,),
            engine=FakeEngine(groups=(990,), model_gpu_ratio=0.0),
            nodes_mode=0o660,
        ),
        bad={"gpu.access": {"kind": "mode", "user": "engine"}, "gpu.placement": {"kind": "cpu"}},
        cause="gpu-device-permission",
    ),
    "driver-not-loaded": Scenario(
        say="The driver is installed and its module is not loaded",
        machine=FakeMachine(
            cards=(RTX4090,),
            driver="",
            nvml_code=9,
            cuda_code=100,
            files={f"/lib/modules/{KERNEL}/modules.dep": "updates/dkms/nvidia.ko.zst:\n"},
        ),
        bad={"gpu.module": {"kind": "not-loaded"}},
        missing={"0 device.memory_total_bytes": ("absent", "Driver Not Loaded")},
        cause="kernel-module-not-loaded",
    ),
    "container-without-libraries": Scenario(
        say="A container that was given neither libraries nor nodes",
        machine=FakeMachine(cards=(RTX4090,), library="", nodes=False, programs=False, container="docker"),
        bad={"gpu.nodes": {"kind": "missing", "container": "docker"}, "gpu.runtime": {"kind": "no-library"}},
        missing={"0 device.memory_total_bytes": ("absent", "NVML Shared Library Not Found")},
        cause="container-gpu-not-requested",
    ),
    "all-hidden": Scenario(
        say="Two cards, and a variable that names a third",
        machine=FakeMachine(
            cards=(RTX4090, SECOND), engine=FakeEngine(environment={"CUDA_VISIBLE_DEVICES": "2"}, model_gpu_ratio=0.0)
        ),
        bad={"gpu.visible": {"value": "2"}, "gpu.placement": {"kind": "cpu"}},
        cause="gpu-disabled-by-setting",
    ),
    "persistence-off": Scenario(
        say="The driver lets go of idle cards, and starting them takes seconds",
        machine=FakeMachine(cards=(replace(H100, persistence=False),), cuda_milliseconds=2100),
        bad={"gpu.persistence": {"persistence": "False"}},
        cause="persistence-mode-off",
    ),
    "fabric-manager": Scenario(
        say="Eight cards behind switches, and nobody manages the switches",
        machine=FakeMachine(
            cards=tuple(
                replace(H100, pci=f"0000:{number * 16 + 11:02x}:00.0", uuid=f"GPU-{number:08d}-0000-4000-8000-0")
                for number in range(8)
            ),
            cuda_code=802,
        ),
        bad={"gpu.runtime": {"code": "802"}},
        cause="fabric-manager-state-wrong",
    ),
    "uvm-missing": Scenario(
        say="NVML works and CUDA does not: the node of the memory module is not there",
        machine=FakeMachine(cards=(RTX4090,), cuda_code=UNKNOWN_ERROR, files={"/dev/nvidia-uvm": None}),
        bad={"gpu.nodes": {"kind": "missing", "path": "/dev/nvidia-uvm"}, "gpu.runtime": {"code": "999"}},
        cause="nvidia-uvm-fault",
    ),
    "prohibited": Scenario(
        say="The card is set so that no program may compute on it",
        machine=FakeMachine(cards=(replace(H100, compute_mode=2),), cuda_code=100),
        bad={"gpu.compute_mode": {"kind": "prohibited"}, "gpu.runtime": {"code": "100"}},
        cause="gpu-disabled-by-setting",
    ),
    "driver-crashes": Scenario(
        say="The library ends every process that asks it",
        machine=FakeMachine(cards=(H100,), crashes=True),
        bad={"gpu.runtime": {"kind": "no-answer"}},
        missing={"0 device.memory_total_bytes": ("failed", "signal 6")},
    ),
}
