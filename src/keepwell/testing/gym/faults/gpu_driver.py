"""Made nodes whose driver is wrong: missing, of two versions, refused, in the way, half loaded, set wrongly."""

from __future__ import annotations

from dataclasses import replace

from keepwell.testing.fake_gpu.card import GIB, UNKNOWN_ERROR, FakeProcess
from keepwell.testing.fake_gpu.linux import KERNEL
from keepwell.testing.gym.faults.gpu_hardware import TWO_GPUS, WITH_GPU
from keepwell.testing.gym.made.changes import (
    all_of,
    card,
    engine,
    engine_says,
    environment,
    kernel_says,
    machine,
    on_the_cpu,
    restarted,
)
from keepwell.testing.gym.made.processes import Files
from keepwell.testing.gym.made.state import MadeProcess, MadeState
from keepwell.testing.gym.made.world import made
from keepwell.transport.recorded.tape import TapeFile

ON_THE_HOST = ("ollama-box", "vllm-two-gpus")
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
MODULES = f"/lib/modules/{KERNEL}/modules.dep"
#: Without a driver that answers nothing is known of a card.
HIDES_CARDS = ("gpu", "gpu clocks", "gpu link", "gpu memory", "gpu memory health", "gpu start")
NO_GPU_FOUND = {
    "ollama": ('level=INFO source=gpu.go:377 msg="no compatible GPUs were discovered"',),
    "vllm": ("(EngineCore pid=95) RuntimeError: No CUDA GPUs are available",),
    "llamacpp": ("0.00.010.000 E ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected",),
}


def _without_driver(state: MadeState) -> None:
    """After a reboot without the module: nothing is bound, nothing is on a card, models are on the CPU."""
    on_the_cpu(state)
    state.machine = replace(state.machine, driver="", nvml_code=9, cuda_code=100)
    state.booted_seconds = 7200.0
    restarted(state, 7000.0)


def _nouveau(state: MadeState) -> None:
    def bind(files: Files) -> None:
        files["/proc/modules"] = "nouveau 3000000 1 - Live 0x0\n"
        for one in state.machine.cards:
            place = f"/sys/bus/pci/devices/{one.pci}/driver"
            files[place] = TapeFile(kind="link", target="../../../../bus/pci/drivers/nouveau")

    _without_driver(state)
    state.changed.append(bind)


def _no_uvm(state: MadeState) -> None:
    on_the_cpu(state)
    state.machine = replace(state.machine, cuda_code=UNKNOWN_ERROR)
    state.extra["/dev/nvidia-uvm"] = None


def _resumed(state: MadeState) -> None:
    on_the_cpu(state)
    state.machine = replace(state.machine, cuda_code=UNKNOWN_ERROR)
    state.journal += [
        (30_010.0, "systemd-sleep[2200]: Entering sleep state 'suspend'..."),
        (1_200.0, "systemd-sleep[2200]: System returned from sleep operation 'suspend'."),
    ]
    state.kernel += [(30_000.0, "PM: suspend entry (deep)"), (1_205.0, "PM: suspend exit")]


def _started_first(state: MadeState) -> None:
    """The unit was up before the module was loaded, and stays on the CPU."""
    on_the_cpu(state)
    late = state.booted_seconds - 45.0
    state.engines[0].age_seconds = state.booted_seconds - 12.0
    state.machine = replace(state.machine, driver=state.machine.driver)
    line = f"NVRM: loading NVIDIA UNIX x86_64 Kernel Module  {state.machine.driver}  Thu Feb 22 01:44:30 UTC 2024"
    state.kernel.append((late, line))


def _held(state: MadeState) -> None:
    """A desktop program holds most of a card, so that the model was split."""
    state.processes.append(MadeProcess(pid=6100, argv=("/usr/bin/blender", "--background"), age_seconds=60_000.0))
    first = state.machine.cards[0]
    total = first.memory_total_bytes or 24 * GIB
    foreign = FakeProcess(pid=6100, used_bytes=total * 3 // 4)
    kept = tuple(replace(one, used_bytes=4 * GIB) for one in first.processes)
    held = replace(first, memory_used_bytes=total * 97 // 100, processes=(*kept, foreign))
    state.machine = replace(state.machine, cards=(held, *state.machine.cards[1:]))


FAULTS = (
    made(
        "driver-library-mismatch",
        "The driver's packages were upgraded and the old module is still loaded",
        on=WITH_GPU,
        change=machine(library="570.86.10", nvml_code=18, cuda_code=803),
        causes=("driver-library-version-mismatch",),
        check="gpu.versions",
        cure="systemctl reboot|rmmod",
        touches=(*HIDES_CARDS,),
    ),
    made(
        "driver-not-loaded",
        "The driver is installed and its module is not loaded",
        on=ON_THE_HOST,
        change=all_of(
            _without_driver, machine(files={MODULES: "updates/dkms/nvidia.ko.zst:\n"}), engine_says(NO_GPU_FOUND)
        ),
        causes=("kernel-module-not-loaded",),
        check="gpu.module",
        cure="modprobe",
        touches=(*HIDES_CARDS, "engine log", "boot"),
    ),
    made(
        "driver-not-built",
        "After a new kernel there is no module for it",
        on=ON_THE_HOST,
        change=all_of(
            _without_driver,
            machine(files={"/var/lib/dkms/nvidia/565.57.01/6.8.0-31-generic/x86_64/module/nvidia.ko": "ELF"}),
            engine_says(NO_GPU_FOUND),
        ),
        causes=("kernel-module-not-loaded",),
        check="gpu.module",
        cure="dkms|ubuntu-drivers|apt-get install",
        touches=(*HIDES_CARDS, "engine log", "boot"),
    ),
    made(
        "secure-boot-refuses",
        "Secure Boot refuses the driver's module, which nobody signed",
        on=ON_THE_HOST,
        change=all_of(
            _without_driver,
            machine(
                files={
                    MODULES: "updates/dkms/nvidia.ko.zst:\n",
                    SECURE_BOOT: "\x06\x00\x00\x00\x01",
                }
            ),
            kernel_says("Loading of module with unavailable key is rejected", ago=7190.0),
        ),
        causes=("secure-boot-unsigned-module",),
        check="gpu.module",
        cure="mokutil|ubuntu-drivers",
        touches=(*HIDES_CARDS, "boot"),
    ),
    made(
        "nouveau-holds",
        "The free driver of the kernel took the card first",
        on=ON_THE_HOST,
        change=_nouveau,
        causes=("open-driver-holds-gpu",),
        check="gpu.module",
        cure="blacklist",
        touches=(*HIDES_CARDS, "boot"),
    ),
    made(
        "driver-too-old",
        "An engine brings a newer CUDA than the driver can",
        on=("vllm-two-gpus", "llamacpp-container"),
        change=all_of(machine(cuda_code=804), on_the_cpu),
        causes=("driver-too-old-for-cuda",),
        check="gpu.runtime",
        cure="nvidia-driver|ldconfig|driver_version",
        touches=("gpu",),
    ),
    made(
        "uvm-missing",
        "The node of the driver's memory module is not there",
        on=ON_THE_HOST,
        change=_no_uvm,
        causes=("nvidia-uvm-fault",),
        check="gpu.nodes",
        cure="nvidia_uvm|nvidia-modprobe",
        touches=("gpu",),
    ),
    made(
        "gpu-gone-after-sleep",
        "The machine slept, and CUDA does not start any more",
        on=("ollama-box",),
        change=_resumed,
        causes=("nvidia-uvm-fault",),
        check="gpu.runtime",
        cure="nvidia_uvm",
        touches=("gpu", "boot"),
    ),
    made(
        "mig-empty",
        "A card is split and no instance was made",
        on=TWO_GPUS,
        change=all_of(card(0, mig=(True, True), utilisation_percent=None), machine(cuda_code=100)),
        causes=("mig-without-instances",),
        check="gpu.partition",
        cure="-mig 0|mig -cgi",
        touches=("gpu",),
    ),
    made(
        "persistence-off",
        "The driver lets go of idle cards, and starting them takes seconds",
        on=TWO_GPUS,
        change=all_of(card(0, persistence=False), card(1, persistence=False), machine(cuda_milliseconds=2600)),
        causes=("persistence-mode-off",),
        check="gpu.persistence",
        cure="nvidia-persistenced|-pm 1",
        touches=("gpu start",),
    ),
    made(
        "compute-prohibited",
        "A card is set so that no program may compute on it",
        on=("ollama-box", "llamacpp-container"),
        change=all_of(card(0, compute_mode=2), machine(cuda_code=100), on_the_cpu),
        causes=("gpu-disabled-by-setting",),
        check="gpu.compute_mode",
        cure="-c DEFAULT",
        touches=("gpu",),
    ),
    made(
        "gpu-hidden",
        "A variable names a card that is not there, and hides those that are",
        on=("ollama-box",),
        change=all_of(environment(CUDA_VISIBLE_DEVICES="5"), on_the_cpu),
        causes=("gpu-disabled-by-setting",),
        check="gpu.visible",
        cure="CUDA_VISIBLE_DEVICES|systemctl edit",
        touches=("gpu", "settings"),
    ),
    made(
        "gpu-permission",
        "The device nodes belong to a group that the engine's user is not in",
        on=("ollama-box",),
        change=all_of(machine(nodes_mode=0o660), engine(groups=(990,)), on_the_cpu),
        causes=("gpu-device-permission",),
        check="gpu.access",
        cure="usermod",
        touches=("gpu",),
    ),
    made(
        "fabric-manager-stopped",
        "Nobody manages the switches between the cards",
        on=TWO_GPUS,
        change=machine(cuda_code=802),
        causes=("fabric-manager-state-wrong",),
        check="gpu.runtime",
        cure="fabricmanager",
        touches=("gpu",),
    ),
    made(
        "engine-before-driver",
        "The unit was started before the driver was loaded",
        on=("ollama-box",),
        change=_started_first,
        causes=("service-started-before-gpu-driver",),
        check="gpu.order",
        cure="systemctl restart",
        touches=("gpu", "boot"),
    ),
    made(
        "vram-held",
        "Another program holds most of a card's memory",
        on=("ollama-box", "llamacpp-container"),
        change=_held,
        causes=("vram-held-by-other-process",),
        check="gpu.memory",
        cure="kill 6100",
        touches=("gpu memory",),
    ),
)
