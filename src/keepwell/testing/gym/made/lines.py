"""Lines that healthy engines write: their start, their traffic, and what they warn of on ordinary days.

In the forms of Ollama 0.9, vLLM 0.11 to 0.32 and llama.cpp's server of 2026, as recorded, with our own values in them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from keepwell.testing.gym.made.state import Logged, MadeEngine
from keepwell.testing.gym.made.supervisors import stamp

_OLLAMA_START = (
    'level=INFO source=routes.go:1235 msg="server config" env="map[CUDA_VISIBLE_DEVICES: GPU_DEVICE_ORDINAL: '
    "HIP_VISIBLE_DEVICES: HSA_OVERRIDE_GFX_VERSION: HTTPS_PROXY: HTTP_PROXY: NO_PROXY: OLLAMA_CONTEXT_LENGTH:4096 "
    "OLLAMA_DEBUG:INFO OLLAMA_FLASH_ATTENTION:false OLLAMA_GPU_OVERHEAD:0 OLLAMA_HOST:http://{host}:{port} "
    "OLLAMA_KEEP_ALIVE:5m0s OLLAMA_KV_CACHE_TYPE: OLLAMA_LLM_LIBRARY: OLLAMA_LOAD_TIMEOUT:5m0s "
    "OLLAMA_MAX_LOADED_MODELS:0 OLLAMA_MAX_QUEUE:512 OLLAMA_MODELS:{folder}/.ollama/models OLLAMA_NEW_ENGINE:false "
    "OLLAMA_NUM_PARALLEL:0 OLLAMA_ORIGINS:[http://localhost https://localhost http://localhost:* http://127.0.0.1] "
    'OLLAMA_SCHED_SPREAD:false ROCR_VISIBLE_DEVICES: http_proxy: https_proxy: no_proxy:]"',
    'level=INFO source=images.go:476 msg="total blobs: 5"',
    'level=INFO source=images.go:483 msg="total unused blobs removed: 0"',
    'level=INFO source=routes.go:1288 msg="Listening on {host}:{port} (version 0.9.3)"',
    'level=INFO source=gpu.go:217 msg="looking for compatible GPUs"',
    'level=INFO source=types.go:130 msg="inference compute" id=GPU-7b2f90c4 library=cuda variant=v12 compute=8.9 '
    'driver=12.7 name="NVIDIA GeForce RTX 4090" total="23.5 GiB" available="23.1 GiB"',
)
_OLLAMA_LOAD = (
    'level=INFO source=sched.go:788 msg="new model will fit in available VRAM in single GPU, loading" '
    "model={folder}/.ollama/models/blobs/sha256-aa gpu=GPU-7b2f90c4 parallel=2 available=24796000000",
    'level=INFO source=server.go:135 msg="system memory" total="125.5 GiB" free="96.0 GiB" free_swap="8.0 GiB"',
    'level=INFO source=server.go:630 msg="llama runner started in 1.76 seconds"',
)
_OLLAMA_WARNINGS = (
    'level=WARN source=ggml.go:152 msg="key not found" key=general.alignment default=32',
    'level=WARN source=types.go:524 msg="invalid option provided" option=tfs_z',
    'level=INFO source=sched.go:509 msg="updated VRAM based on existing loaded models" available="1.2 GiB"',
    'level=WARN source=sched.go:687 msg="gpu VRAM usage didn\'t recover within timeout" runner.size="8 GiB"',
    'level=INFO source=download.go:177 msg="downloading 4a188102020e in 16 291 MB part(s)"',
    'level=INFO source=download.go:295 msg="4a188102020e part 3 stalled; retrying. If this persists, press ctrl-c"',
)
_VLLM_START = (
    "(APIServer pid=77) INFO {date} [api_server.py:1896] vLLM API server version 0.32.0",
    "(APIServer pid=77) INFO {date} [utils.py:233] non-default args: {{'model': '{model}', 'host': '{host}', "
    "'port': {port}, 'max_model_len': 8192, 'tensor_parallel_size': 2}}",
    "(EngineCore pid=95) INFO {date} [core.py:77] Initializing a V1 LLM engine (v0.32.0) with config: model='{model}', "
    "dtype=torch.bfloat16, max_seq_len=8192, tensor_parallel_size=2",
    "(Worker_TP0 pid=96) INFO {date} [default_loader.py:267] Loading weights took 2.61 seconds",
    "(Worker_TP0 pid=96) INFO {date} [gpu_worker.py:298] Available KV cache memory: 50.01 GiB",
    "(EngineCore pid=95) INFO {date} [kv_cache_utils.py:1087] GPU KV cache size: 409,600 tokens",
    "(EngineCore pid=95) INFO {date} [kv_cache_utils.py:1091] Maximum concurrency for 8,192 tokens per request: 50.00x",
    "(APIServer pid=77) INFO {date} [api_server.py:1971] Starting vLLM API server 0 on http://{host}:{port}",
    "(APIServer pid=77) INFO:     Application startup complete.",
)
_VLLM_WARNINGS = (
    "(APIServer pid=77) WARNING {date} [model.py:1389] Default sampling parameters have been overridden by the model's "
    "Hugging Face generation config recommended from the model creator.",
    "(APIServer pid=77) WARNING {date} [protocol.py:93] The following fields were present in the request but ignored: "
    "{{'user_id'}}",
    "(EngineCore pid=95) INFO {date} [scheduler.py:1402] Waiting for free slots: 3 requests in the queue",
    '(APIServer pid=77) INFO:     10.0.3.17:51042 - "GET /favicon.ico HTTP/1.1" 404 Not Found',
    '(APIServer pid=77) INFO:     10.0.3.18:40112 - "POST /v1/completions HTTP/1.1" 422 Unprocessable Entity',
)
_LLAMACPP_START = (
    "0.00.000.425 I srv          init: initializing ...",
    "0.00.015.974 I srv          init: build_info: b11549-abcdef12",
    "0.00.017.225 W srv          init: security: no API key is set and CORS allows all origins",
    "0.00.021.280 I srv          init: loading model",
    "0.00.021.373 I srv    load_model: loading model '{model}'",
    "0.01.098.534 I load_tensors: offloaded 33/33 layers to GPU",
    "0.01.103.997 I srv    load_model: initializing, n_slots = 2, n_ctx_slot = 4096, kv_unified = 'false'",
    "0.01.107.414 I srv          init: model loaded",
    "0.01.107.435 I srv          init: listening on http://{host}:{port}",
)
_LLAMACPP_WARNINGS = (
    "{clock} W srv   update_slots: all slots are idle",
    "{clock} W srv  get_availabl: updating prompt cache",
    "{clock} W slot update_slots: id  1 | task 411 | cache reuse is not supported - ignoring n_cache_reuse = 256",
    "{clock} I srv  log_server_r: done request: GET /favicon.ico 10.0.0.5 404",
)


def start_lines(engine: MadeEngine) -> list[Logged]:
    """What it writes when it starts, and when its model is loaded if that was soon after."""
    table: dict[str, Sequence[str]] = {"ollama": _OLLAMA_START, "vllm": _VLLM_START, "llamacpp": _LLAMACPP_START}
    lines = list(table[engine.flavour])
    if engine.runner:
        lines += _OLLAMA_LOAD
    age = engine.age_seconds
    return [(age - 0.4 * place, _fill(engine, line, age - 0.4 * place)) for place, line in enumerate(lines)]


def traffic_lines(engine: MadeEngine, rng: random.Random, count: int, window_seconds: float) -> list[Logged]:
    """Requests that were answered, spread over the last part of the window that the engine has lived."""
    spread = max(1.0, min(window_seconds, engine.age_seconds - 10))
    moments = sorted((rng.uniform(0, spread) for _ in range(count)), reverse=True)
    return [(ago, line) for ago in moments for line in _TRAFFIC[engine.flavour](engine, rng, ago)]


def warning_lines(engine: MadeEngine, rng: random.Random, count: int, window_seconds: float) -> list[Logged]:
    """Ordinary warnings: what engines complain of while nothing is wrong."""
    table = {"ollama": _OLLAMA_WARNINGS, "vllm": _VLLM_WARNINGS, "llamacpp": _LLAMACPP_WARNINGS}[engine.flavour]
    spread = max(1.0, min(window_seconds, engine.age_seconds - 10))
    found: list[Logged] = []
    for _ in range(count):
        ago = rng.uniform(0, spread)
        found.append((ago, _fill(engine, rng.choice(table), ago)))
    return found


def stop_lines(engine: MadeEngine, ago: float) -> list[Logged]:
    """What the run before wrote when it was asked to end, for a restart so long ago."""
    table: dict[str, Sequence[str]] = {
        "ollama": (),
        "vllm": (
            "(APIServer pid=77) INFO:     Shutting down",
            "(APIServer pid=77) INFO:     Waiting for application shutdown.",
            "(APIServer pid=77) INFO:     Application shutdown complete.",
            "(APIServer pid=77) INFO:     Finished server process [77]",
        ),
        "llamacpp": (
            "2.11.640.142 I ~Server: waiting for main loop exit",
            "2.11.640.241 I srv    operator(): operator(): cleaning up before exit...",
        ),
    }
    return [(ago, line) for line in table[engine.flavour]]


def dated(engine: MadeEngine, ago: float, text: str) -> Logged:
    """A message as this engine writes it, with its time where it writes one before each line."""
    return ago, _fill(engine, text, ago)


def _fill(engine: MadeEngine, line: str, ago: float) -> str:
    if engine.flavour == "ollama" and line.startswith("level="):
        line = f"time={stamp(ago, '%Y-%m-%dT%H:%M:%S.%f')[:-3]}Z {line}"
    words = {
        "host": engine.host,
        "port": str(engine.port),
        "folder": engine.folder,
        "model": engine.model_path,
        "date": stamp(ago, "%m-%d %H:%M:%S"),
        "clock": _clock(engine.age_seconds - ago),
    }
    for name, text in words.items():
        line = line.replace(f"{{{name}}}", text)
    return line.replace("{{", "{").replace("}}", "}")


def _clock(seconds: float) -> str:
    """How llama.cpp's server counts: minutes, seconds, milliseconds, microseconds since its start."""
    whole = int(max(0.0, seconds))
    return f"{whole // 60}.{whole % 60:02d}.123.456"


def _ollama_traffic(engine: MadeEngine, rng: random.Random, ago: float) -> Iterator[str]:
    del engine
    path = rng.choice(('POST     "/api/chat"', 'POST     "/v1/chat/completions"', 'GET      "/api/tags"'))
    seconds = f"{rng.uniform(0.2, 30):.6f}s"
    date, client = stamp(ago, "%Y/%m/%d - %H:%M:%S"), f"192.168.1.{rng.randint(2, 90)}"
    yield f"[GIN] {date} | 200 | {seconds:>13} | {client:>15} | {path}"


def _vllm_traffic(engine: MadeEngine, rng: random.Random, ago: float) -> Iterator[str]:
    del engine
    client = f"10.0.3.{rng.randint(2, 90)}:{rng.randint(30000, 60000)}"
    yield f'(APIServer pid=77) INFO:     {client} - "POST /v1/chat/completions HTTP/1.1" 200 OK'
    if rng.random() < 0.4:
        running, usage = rng.randint(0, 12), rng.uniform(0.5, 60)
        yield (
            f"(APIServer pid=77) INFO {stamp(ago, '%m-%d %H:%M:%S')} [loggers.py:127] Engine 000: Avg prompt "
            f"throughput: {rng.uniform(5, 900):.1f} tokens/s, Avg generation throughput: {rng.uniform(5, 400):.1f} "
            f"tokens/s, Running: {running} reqs, Waiting: 0 reqs, GPU KV cache usage: {usage:.1f}%, Prefix cache hit "
            f"rate: {rng.uniform(0, 80):.1f}%"
        )


def _llamacpp_traffic(engine: MadeEngine, rng: random.Random, ago: float) -> Iterator[str]:
    clock, task, tokens = _clock(engine.age_seconds - ago), rng.randint(1, 9000), rng.randint(10, 900)
    yield f"{clock} I slot launch_slot_: id  0 | task {task} | processing task, is_child = 0"
    spent = f"{tokens * 11}.37 ms / {tokens} tokens"
    yield f"{clock} I slot print_timing: id  0 | task {task} |       total time =    {spent}"
    yield f"{clock} I slot      release: id  0 | task {task} | stop processing: n_tokens = {tokens}, truncated = 0"


_TRAFFIC: dict[str, Callable[[MadeEngine, random.Random, float], Iterator[str]]] = {
    "ollama": _ollama_traffic,
    "vllm": _vllm_traffic,
    "llamacpp": _llamacpp_traffic,
}
