"""Made nodes whose container is wrong: without the GPU that it asked for, or with the wrong library of it."""

from __future__ import annotations

from keepwell.testing.gym.faults.engine import IN_CONTAINER
from keepwell.testing.gym.made.changes import all_of, engine_says, on_the_cpu, stopped
from keepwell.testing.gym.made.state import MadeContainer, MadeState
from keepwell.testing.gym.made.world import made

NO_DEVICE = {
    "llamacpp": ("0.00.010.000 E ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected",),
    "ollama": ('level=INFO source=gpu.go:377 msg="no compatible GPUs were discovered"',),
}


def _box(state: MadeState) -> MadeContainer:
    box = state.engines[0].container
    assert box is not None
    return box


def _not_asked(state: MadeState) -> None:
    box = _box(state)
    box.gpus, box.library, box.device_nodes = False, "", False
    on_the_cpu(state)


def _toolkit_missing(state: MadeState) -> None:
    box = _box(state)
    box.library, box.device_nodes = "", False
    on_the_cpu(state)


def _spec_stale(state: MadeState) -> None:
    """The driver was upgraded and the machine booted; the containers' description still names the old files."""
    box = _box(state)
    box.library = "550.54.14"
    on_the_cpu(state)


def _reloaded(state: MadeState) -> None:
    """systemd read its units again, and set the group's device rules anew: without the cards."""
    on_the_cpu(state)
    state.journal += [
        (4_000.0, "systemd[1]: Reloading requested from client PID 812 ('systemctl')..."),
        (3_999.0, "systemd[1]: Reloading."),
    ]
    engine_says(("Failed to initialize NVML: Unknown Error",))(state)


def _exited(state: MadeState) -> None:
    stopped(state, 1)


def _killed_at_limit(state: MadeState) -> None:
    stopped(state, 137)
    _box(state).oom_killed = True
    state.engines[0].memory_max_bytes = 2 * 1024**3


FAULTS = (
    made(
        "gpu-not-requested",
        "The container was started without asking for the GPU",
        on=IN_CONTAINER,
        change=all_of(_not_asked, engine_says(NO_DEVICE)),
        causes=("container-gpu-not-requested",),
        check="container.gpu",
        cure="--gpus|force-recreate",
        touches=("engine", "gpu", "container", "engine log"),
    ),
    made(
        "toolkit-missing",
        "The container asked for a GPU, and nothing put the driver's libraries into it",
        on=IN_CONTAINER,
        change=all_of(_toolkit_missing, engine_says(NO_DEVICE)),
        causes=("container-gpu-runtime-not-set-up",),
        check="container.driver",
        cure="nvidia-ctk",
        touches=("engine", "gpu", "container", "engine log"),
    ),
    made(
        "cdi-stale",
        "The containers' description of the cards names the libraries of the driver before the upgrade",
        on=IN_CONTAINER,
        change=_spec_stale,
        causes=("cdi-spec-stale",),
        check="container.driver",
        cure="nvidia-ctk cdi generate",
        touches=("engine", "gpu", "container"),
    ),
    made(
        "gpu-lost-by-reload",
        "systemd read its units again, and the container lost its cards",
        on=("ollama-container",),
        change=_reloaded,
        causes=("container-gpu-lost-cgroup-reload",),
        check="clock.timeline",
        cure="docker restart",
        touches=("engine", "gpu", "container", "engine log"),
    ),
    made(
        "container-exited",
        "The container ended with an error and was not started again",
        on=IN_CONTAINER,
        change=_exited,
        causes=("engine-not-running",),
        check="container.running",
        cure="docker (re)?start",
        touches=("engine", "container"),
    ),
    made(
        "container-memory",
        "The container was killed at its memory limit",
        on=IN_CONTAINER,
        change=_killed_at_limit,
        causes=("insufficient-system-memory",),
        check="container.running",
        cure="docker update|--memory|MemoryMax",
        touches=("engine", "container", "memory"),
    ),
)
