"""Made nodes whose engine does not come up again: its last words say why."""

from __future__ import annotations

from dataclasses import replace

from keepwell.testing.gym.faults.gpu_hardware import TWO_GPUS
from keepwell.testing.gym.made.changes import Change, stopped
from keepwell.testing.gym.made.lines import dated, start_lines
from keepwell.testing.gym.made.state import MadeState
from keepwell.testing.gym.made.world import made
from keepwell.transport.recorded.tape import TapeFile


def failed_start(*lines: str) -> Change:
    """The first engine did not come up again: the beginning of another run, these lines, and the end."""

    def change(state: MadeState) -> None:
        one = stopped(state, 1)
        first = [line for _, line in start_lines(one)[:3]]
        one.log += [dated(one, 305.0 - place * 0.1, line) for place, line in enumerate((*first, *lines))]

    return change


VRAM_OUT = failed_start(
    "(Worker_TP0 pid=96) INFO {date} [gpu_model_runner.py:3480] Capturing CUDA graphs (mixed prefill-decode)",
    "(Worker_TP0 pid=96) ERROR {date} [multiproc_executor.py:715] torch.OutOfMemoryError: CUDA out of memory. Tried to "
    "allocate 2.50 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.20 GiB is free.",
    "(EngineCore pid=95) ERROR {date} [core.py:708] EngineCore failed to start.",
)
CACHE_SMALL = failed_start(
    "(EngineCore pid=95) ERROR {date} [core.py:708] ValueError: To serve at least one request with the models's max "
    "seq len (131072), (16.00 GiB KV cache is needed, which is larger than the available KV cache memory (5.21 GiB). "
    "Based on the available memory, the estimated maximum model length is 42624. Try increasing "
    "`gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
    "(APIServer pid=77) RuntimeError: Engine core initialization failed. See root cause above.",
)
SHM_SMALL = failed_start(
    "(Worker_TP1 pid=97) misc/shmutils.cc:87 NCCL WARN Call to posix_fallocate failed: No space left on device",
    "(Worker_TP1 pid=97) misc/shmutils.cc:129 NCCL WARN Error while creating shared memory segment "
    "/dev/shm/nccl-Wx3Qbd (size 9637888)",
    "(EngineCore pid=95) ERROR {date} [core.py:708] EngineCore failed to start.",
)
GATED = failed_start(
    "(APIServer pid=77) OSError: You are trying to access a gated repo.",
    "(APIServer pid=77) 401 Client Error. Cannot access gated repo for url https://hub.example/org/model/resolve/main/"
    "config.json. Access to model org/model is restricted. You must have access to it and be authenticated to access "
    "it. Please log in.",
)
FILE_CUT_LINES = (
    "0.00.022.000 E gguf_init_from_reader: failed to read key-value pairs",
    "0.00.022.100 E llama_model_load: error loading model: failed to load model",
    "0.00.022.200 E srv          init: exiting due to model loading error",
)


def _file_cut(state: MadeState) -> None:
    path = state.engines[0].model_path
    state.extra[path] = TapeFile(pieces=((0, b"GGUF\x03\x00"),), size_bytes=6, uid=990, gid=990)
    failed_start(f"0.00.021.373 I srv    load_model: loading model '{path}'", *FILE_CUT_LINES)(state)


FAULTS = (
    replace(
        made(
            "model-file-cut",
            "A model's file is cut, and the server does not start",
            on=("llamacpp-cpu",),
            change=_file_cut,
            causes=("model-file-invalid",),
            check="store.files",
            cure="mv .*damaged",
            touches=("engine", "store"),
        ),
        blanks={"source": "/backup/alpha.gguf"},
    ),
    made(
        "vram-out-at-start",
        "vLLM takes more memory of its cards than there is",
        on=TWO_GPUS,
        change=VRAM_OUT,
        causes=("vram-budget-too-high", "gpu-out-of-memory"),
        check="engine.running",
        cure="gpu-memory-utilization|restart",
        touches=("engine",),
    ),
    made(
        "cache-too-small",
        "The key-value cache does not hold one request of the model's length",
        on=TWO_GPUS,
        change=CACHE_SMALL,
        causes=("kv-cache-too-small-for-context",),
        check="engine.running",
        cure="max-model-len|restart",
        touches=("engine",),
    ),
    made(
        "shm-too-small",
        "Shared memory is too small for the ranks of one model",
        on=TWO_GPUS,
        change=SHM_SMALL,
        causes=("shm-too-small",),
        check="engine.running",
        cure="/dev/shm",
        touches=("engine",),
    ),
    replace(
        made(
            "model-gated",
            "The model's repository asks for a token that is not there",
            on=TWO_GPUS,
            change=GATED,
            causes=("hf-token-or-gate-missing",),
            check="engine.running",
            cure="HF_TOKEN",
            touches=("engine",),
        ),
        blanks={"token": "hf_x"},
    ),
)
