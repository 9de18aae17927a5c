"""Healthy outputs, made anew for every seed: what people paste when they show that something is as it should be."""

from __future__ import annotations

import random
from collections.abc import Callable

Maker = Callable[[random.Random], str]
MODELS = ("llama3.2:3b", "qwen2.5:7b", "mistral:latest", "gemma3:12b", "nomic-embed-text:latest")
CARDS = (("NVIDIA GeForce RTX 4090", 24564, 450), ("Tesla T4", 15360, 70), ("NVIDIA A100-SXM4-40GB", 40960, 400))


def make_healthy(seed: int) -> str:
    """A text of one to five healthy outputs; the same for the same seed."""
    chance = random.Random(seed)
    return "\n".join(maker(chance) for maker in chance.sample(MAKERS, chance.randint(1, 5)))


def _smi(chance: random.Random) -> str:
    name, total, watts = chance.choice(CARDS)
    driver, cuda = chance.choice((("535.216.01", "12.2"), ("550.144.03", "12.4"), ("580.95.05", "13.0")))
    rows = "".join(
        f"|   {index}  {name:<28}On  |   00000000:0{index + 1}:00.0 Off |                    0 |\n"
        f"| 30%   {chance.randint(30, 70)}C    P{chance.choice('028')}              {chance.randint(10, watts)}W / "
        f"{watts}W | {chance.randint(0, total // 2):>7}MiB / {total}MiB | {chance.randint(0, 99):>6}%      Default |\n"
        for index in range(chance.randint(1, 4))
    )
    head = f"| NVIDIA-SMI {driver}             Driver Version: {driver}     CUDA Version: {cuda}     |"
    return f"$ nvidia-smi\n{head}\n{rows}|  No running processes found                                             |\n"


def _container(chance: random.Random) -> str:
    port = chance.choice((11434, 8000, 8080, 3000))
    gpus = chance.choice(("--gpus all", "--gpus=all", "--device nvidia.com/gpu=all", "--gpus '\"device=0\"'"))
    image = chance.choice(("ollama/ollama", "vllm/vllm-openai:latest", "ghcr.io/ggml-org/llama.cpp:server-cuda"))
    return f"docker run -d {gpus} -v models:/models -p {port}:{port} --ipc=host --name engine {image}\n"


def _compose(chance: random.Random) -> str:
    return f"""services:
  llm:
    image: ollama/ollama:0.{chance.randint(5, 20)}.{chance.randint(0, 9)}
    ports:
      - "{chance.choice(("", "127.0.0.1:"))}11434:11434"
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: all
              capabilities: [gpu]
"""


def _sockets(chance: random.Random) -> str:
    address = chance.choice(("0.0.0.0", "*", "[::]", "127.0.0.1"))
    return f"""$ ss -ltnp
State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
LISTEN 0      4096   {address}:11434      0.0.0.0:*     users:(("ollama",pid={chance.randint(300, 9999)},fd=3))
LISTEN 0      128    127.0.0.1:{chance.randint(3000, 9000)}      0.0.0.0:*
"""


def _curl(chance: random.Random) -> str:
    port = chance.choice((11434, 8080, 8000))
    return f"""$ curl -v http://127.0.0.1:{port}/health
*   Trying 127.0.0.1:{port}...
* Connected to 127.0.0.1 (127.0.0.1) port {port}
> GET /health HTTP/1.1
> Host: 127.0.0.1:{port}
< HTTP/1.1 200 OK
< Content-Type: application/json
{{"status":"ok"}}
* Connection #0 to host 127.0.0.1 left intact
"""


def _disks(chance: random.Random) -> str:
    return f"""$ df -h
Filesystem      Size  Used Avail Use% Mounted on
/dev/nvme0n1p2  916G  {chance.randint(20, 700)}G  {chance.randint(100, 200)}G  {chance.randint(5, 85)}% /
tmpfs            32G     0   32G   0% /dev/shm
shm              64M     0   64M   0% /run/containers/1/shm
"""


def _mounts(chance: random.Random) -> str:
    return f"""/dev/sda{chance.randint(1, 9)} on / type ext4 (rw,relatime,errors=remount-ro)
tmpfs on /tmp type tmpfs (rw,nosuid,nodev,size={chance.randint(1, 9)}000000k)
tmpfs on /run type tmpfs (rw,nosuid,nodev,noexec)
proc on /proc type proc (rw,nosuid,nodev,noexec,relatime)
"""


def _kernel(chance: random.Random) -> str:
    release = f"6.{chance.randint(1, 14)}.0-{chance.randint(10, 99)}-generic"
    return f"""$ uname -a
Linux box {release} #{chance.randint(1, 99)}-Ubuntu SMP PREEMPT_DYNAMIC x86_64 GNU/Linux
$ dkms status
nvidia/580.95.05, {release}, x86_64: installed
[    3.123456] nvidia-nvlink: Nvlink Core is being initialized, major device number 236
[    3.223456] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025
"""


def _listed(chance: random.Random) -> str:
    rows = "".join(
        f"{name:<25} {chance.getrandbits(48):012x}    {chance.randint(1, 40)}.0 GB    {chance.randint(2, 9)} days ago\n"
        for name in MODELS
    )
    return f"$ ollama list\nNAME                      ID              SIZE      MODIFIED\n{rows}"


def _loaded(chance: random.Random) -> str:
    name, digest, context = chance.choice(MODELS), chance.getrandbits(48), chance.choice((4096, 8192))
    return f"""$ ollama ps
NAME           ID              SIZE     PROCESSOR    CONTEXT    UNTIL
{name:<14} {digest:012x}    {chance.randint(2, 20)} GB    100% GPU     {context}       4 minutes from now
"""


def _start(chance: random.Random) -> str:
    layers, context = chance.randint(17, 81), chance.choice((4096, 8192, 131072))
    return f"""ggml_cuda_init: found 1 CUDA devices:
  Device 0: NVIDIA GeForce RTX 4090, compute capability 8.9, VMM: yes
system_info: n_threads = 8 (n_threads_batch = 8) / 16 | CUDA : ARCHS = 890 | CPU : AVX2 = 1 |
load_tensors: offloaded {layers}/{layers} layers to GPU
llama_context: n_ctx         = {context}
llama_context: n_ctx_per_seq = {context}
srv    load_model: initializing, n_slots = 1, n_ctx_slot = {context}, kv_unified = 'true'
main: server is listening on http://127.0.0.1:8080 - starting the main loop
"""


def _config(chance: random.Random) -> str:
    host = chance.choice(("127.0.0.1", "0.0.0.0"))
    return f"""[Service]
Environment="OLLAMA_HOST={host}"
Environment="OLLAMA_NUM_PARALLEL={chance.randint(1, 4)}"
time=2026-01-02T10:00:00Z level=INFO source=routes.go:1 msg="server config" env="map[CUDA_VISIBLE_DEVICES: \
OLLAMA_HOST:http://{host}:11434 OLLAMA_KEEP_ALIVE:5m0s OLLAMA_MODELS:/usr/share/ollama/.ollama/models]"
time=2026-01-02T10:00:00Z level=INFO source=routes.go:1 msg="Listening on {host}:11434 (version 0.9.3)"
"""


def _requests(chance: random.Random) -> str:
    seconds = chance.uniform(0.1, 200)
    lines = [
        f'[GIN] 2026/01/02 - 10:{minute:02d}:11 | 200 | {seconds + minute:>12.6f}s |  127.0.0.1 | POST  "/api/chat"'
        for minute in range(chance.randint(1, 6))
    ]
    return "\n".join([*lines, '[GIN] 2026/01/02 - 10:59:11 | 200 |  1m0s |  127.0.0.1 | POST  "/api/chat"', ""])


def _vllm(chance: random.Random) -> str:
    length = chance.choice((4096, 32768))
    return f"""INFO 01-02 10:00:00 [utils.py:1] non-default args: {{'model': 'org/m', 'max_model_len': {length}}}
INFO 01-02 10:00:20 [gpu_model_runner.py:1] Model loading took 14.9 GiB memory and 12.3 seconds
INFO 01-02 10:00:40 [kv_cache_utils.py:1] GPU KV cache size: {length * chance.randint(2, 20):,} tokens
INFO 01-02 10:00:40 [kv_cache_utils.py:1] Maximum concurrency for {length:,} tokens per request: 4.00x
INFO:     Application startup complete.
"""


def _memory(chance: random.Random) -> str:
    total = chance.choice((16, 32, 64, 128))
    return f"""$ free -h
               total        used        free      shared  buff/cache   available
Mem:           {total}Gi       {total // 4}Gi       {total // 8}Gi       1.0Mi       {total // 2}Gi       {total // 2}Gi
Swap:          8.0Gi          0B       8.0Gi
"""


def _bus(chance: random.Random) -> str:
    slot = f"0{chance.randint(1, 9)}:00.0"
    return f"""{slot} VGA compatible controller: NVIDIA Corporation AD102 [GeForce RTX 4090] (rev a1)
\tSubsystem: Some Maker Device 1234
\tKernel driver in use: nvidia
\tKernel modules: nvidiafb, nouveau, nvidia_drm, nvidia
"""


def _unit(chance: random.Random) -> str:
    return f"""● ollama.service - Ollama Service
     Loaded: loaded (/etc/systemd/system/ollama.service; enabled; preset: enabled)
     Active: active (running) since Fri 2026-01-02 10:00:00 UTC; {chance.randint(2, 20)}h ago
   Main PID: {chance.randint(300, 9999)} (ollama)
"""


def _files(chance: random.Random) -> str:
    return f"""$ ls -ld /usr/share/ollama /usr/share/ollama/.ollama
drwxr-x--- 4 ollama ollama 4096 Jan  {chance.randint(1, 9)} 10:00 /usr/share/ollama
drwxr-xr-x 3 ollama ollama 4096 Jan  2 10:00 /usr/share/ollama/.ollama
$ ulimit -n
1024
"""


def _packages(chance: random.Random) -> str:
    return (
        f"torch                    2.{chance.randint(5, 8)}.0\ntransformers             4.5{chance.randint(0, 7)}.0\n"
    )


def _environment(chance: random.Random) -> str:
    return f"PATH=/usr/bin\nHOME=/root\nOLLAMA_NUM_PARALLEL={chance.randint(1, 8)}\nCUDA_VISIBLE_DEVICES=0\n"


def _answer(chance: random.Random) -> str:
    name = chance.choice(MODELS)
    return f"""$ curl http://localhost:11434/v1/chat/completions -d '{{"model": "{name}", "messages": []}}'
{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"{name}","choices":[]}}
"""


MAKERS: tuple[Maker, ...] = (
    _smi, _container, _compose, _sockets, _curl, _disks, _mounts, _kernel, _listed, _loaded, _start, _config,
    _requests, _vllm, _memory, _bus, _unit, _files, _packages, _environment, _answer,
)  # fmt: skip
