"""Made nodes whose cards are sick: lost, in error, hot, braked, on too few lanes, with faulty memory."""

from __future__ import annotations

from dataclasses import replace

from keepwell.testing.fake_gpu.card import GPU_IS_LOST, INSUFFICIENT_POWER, RESET_REQUIRED, UNKNOWN_ERROR
from keepwell.testing.gym.made.changes import Change, all_of, card, engine_says, kernel_says, machine
from keepwell.testing.gym.made.state import MadeState
from keepwell.testing.gym.made.world import made

HARDWARE = ("gpu-hardware-or-firmware-fault",)
WITH_GPU = ("ollama-box", "vllm-two-gpus", "llamacpp-container", "ollama-container")
TWO_GPUS = ("vllm-two-gpus",)
#: What engines write when a call of CUDA fails for good.
CUDA_ERROR = {
    "ollama": (
        "CUDA error: unspecified launch failure",
        "  current device: 0, in function ggml_backend_cuda_synchronize",
    ),
    "llamacpp": ("0.55.000.000 E CUDA error: unspecified launch failure",),
    "vllm": ("(Worker_TP0 pid=96) torch.AcceleratorError: CUDA error: unspecified launch failure",),
}


def xid(number: int, text: str) -> Change:
    """An error line of the driver about the first card."""

    def change(state: MadeState) -> None:
        pid = state.engines[0].pid
        short = state.machine.cards[0].pci.rpartition(".")[0]
        kernel_says(f"NVRM: Xid (PCI:{short}): {number}, pid={pid}, name=server, {text}")(state)

    return change


def _second_card(**values: object) -> Change:
    return card(-1, **values)


def _fell_off(state: MadeState) -> None:
    xid(79, "GPU has fallen off the bus.")(state)
    state.machine = replace(
        state.machine, cuda_code=UNKNOWN_ERROR, cards=(replace(state.machine.cards[0], every=GPU_IS_LOST),)
    )


FAULTS = (
    made(
        "gpu-lost",
        "A card falls off the bus while it works",
        on=("ollama-box", "llamacpp-container", "ollama-container"),
        change=all_of(_fell_off, engine_says(CUDA_ERROR)),
        causes=HARDWARE,
        check="gpu.answers",
        cure="systemctl reboot|gpu-reset",
        touches=("gpu", "engine log"),
    ),
    made(
        "gpu-lost-second",
        "The second of two cards is lost, and the kernel's log does not tell why",
        on=TWO_GPUS,
        change=all_of(_second_card(handle=GPU_IS_LOST), machine(cuda_code=UNKNOWN_ERROR)),
        causes=HARDWARE,
        check="gpu.answers",
        cure="systemctl reboot|gpu-reset",
        touches=("gpu",),
    ),
    made(
        "gpu-not-listed",
        "The driver could not start the second card and lists the first alone",
        on=TWO_GPUS,
        change=all_of(
            _second_card(listed=False),
            kernel_says(
                "NVRM: GPU 0000:02:00.0: RmInitAdapter failed! (0x26:0x56:1474)",
                "NVRM: GPU 0000:02:00.0: rm_init_adapter failed, device minor number 1",
            ),
        ),
        causes=HARDWARE,
        check="gpu.answers",
        cure="systemctl reboot|gpu-reset",
        touches=("gpu",),
    ),
    made(
        "gpu-no-power",
        "A card's extra power is not plugged in",
        on=TWO_GPUS,
        change=_second_card(handle=INSUFFICIENT_POWER),
        causes=("gpu-power-or-link-unstable",),
        check="gpu.answers",
        cure="systemctl poweroff",
        touches=("gpu",),
    ),
    made(
        "gpu-reset-required",
        "A card says that it must be reset before it can be used",
        on=("ollama-box", "llamacpp-container"),
        change=all_of(card(0, every=RESET_REQUIRED), machine(cuda_code=46)),
        causes=HARDWARE,
        check="gpu.answers",
        cure="gpu-reset|systemctl reboot",
        touches=("gpu",),
    ),
    made(
        "xid-uncorrectable",
        "An uncorrectable error of a card's memory, told by the kernel's log alone",
        on=WITH_GPU,
        change=xid(48, "An uncorrectable double bit error (DBE) has been detected on GPU in the framebuffer"),
        causes=HARDWARE,
        check="gpu.errors",
        cure="gpu-reset|systemctl reboot",
        touches=("gpu",),
    ),
    made(
        "xid-gsp-timeout",
        "The card's own processor answers no more",
        on=WITH_GPU,
        change=all_of(
            xid(119, "Timeout after 45s of waiting for RPC response from GPU0 GSP! Expected function 76."),
            machine(cuda_code=UNKNOWN_ERROR),
            engine_says(CUDA_ERROR),
        ),
        causes=HARDWARE,
        check="gpu.errors",
        cure="gpu-reset|systemctl reboot",
        touches=("gpu", "engine log"),
    ),
    made(
        "xid-nvlink",
        "A link between two cards has a fatal error",
        on=TWO_GPUS,
        change=xid(74, "NVLink: fatal error detected on link 3(0x10000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)"),
        causes=HARDWARE,
        check="gpu.errors",
        cure="gpu-reset|systemctl reboot",
        touches=("gpu",),
    ),
    made(
        "gpu-memory-pending",
        "Rows of a card's memory wait for the reset that repairs them",
        on=TWO_GPUS,
        change=card(0, ecc_uncorrected=3, remapped=(0, 1, 1, 0)),
        causes=HARDWARE,
        check="gpu.memory_health",
        cure="gpu-reset",
        touches=("gpu memory health",),
    ),
    made(
        "gpu-memory-beyond-repair",
        "A row of a card's memory could not be repaired",
        on=TWO_GPUS,
        change=card(0, remapped=(0, 8, 0, 1)),
        causes=HARDWARE,
        check="gpu.memory_health",
        touches=("gpu memory health",),
    ),
    made(
        "gpu-too-hot",
        "Heat lowers a card's clocks",
        on=WITH_GPU,
        change=card(0, temperature_celsius=91, throttle=0x68, clock_megahertz=840),
        causes=("gpu-throttled",),
        check="gpu.throttle",
        touches=("gpu clocks",),
    ),
    made(
        "gpu-power-brake",
        "The power supply's brake lowers a card's clocks",
        on=WITH_GPU,
        change=card(0, throttle=0x88, clock_megahertz=345),
        causes=("gpu-throttled",),
        check="gpu.throttle",
        touches=("gpu clocks",),
    ),
    made(
        "gpu-power-limit-low",
        "Somebody set a power limit of less than half",
        on=WITH_GPU,
        change=card(0, throttle=0x4, power_limit_milliwatts=150_000, clock_megahertz=900),
        causes=("gpu-throttled",),
        check="gpu.throttle",
        touches=("gpu clocks",),
    ),
    made(
        "gpu-unlicensed",
        "A virtual GPU whose licence was never had",
        on=TWO_GPUS,
        change=card(0, virtual=2, licence=3, licence_product="NVIDIA Virtual Compute"),
        causes=("gpu-throttled",),
        check="gpu.licence",
        cure="nvidia-gridd",
        touches=("gpu clocks",),
    ),
    made(
        "pcie-one-lane",
        "A card for sixteen lanes sits on one",
        on=WITH_GPU,
        change=card(0, link=(3, 4, 1, 16)),
        causes=("pcie-link-narrow",),
        check="gpu.link",
        touches=("gpu link",),
    ),
)
