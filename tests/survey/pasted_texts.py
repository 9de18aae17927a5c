"""Made texts, each with two facts that disagree: a name, the check and kind that must find it, the text."""

from __future__ import annotations

TELLING: tuple[tuple[str, str, str, str], ...] = (
    (
        "published on loopback only",
        "text.address",
        "published-loopback",
        """$ docker run -d --gpus all -p 127.0.0.1:11434:11434 --name ollama ollama/ollama
$ curl http://192.168.1.50:11434/api/tags
curl: (7) Failed to connect to 192.168.1.50 port 11434 after 2 ms: Couldn't connect to server
""",
    ),
    (
        "listens on loopback only",
        "text.address",
        "loopback-only",
        """LISTEN 0 4096 127.0.0.1:11434 0.0.0.0:* users:(("ollama",pid=812,fd=3))
dial tcp 10.0.0.7:11434: connect: connection refused
""",
    ),
    (
        "netstat of another kind",
        "text.address",
        "loopback-only",
        """tcp        0      0 127.0.0.1:8000          0.0.0.0:*               LISTEN      4711/python3
Error: connect ECONNREFUSED 172.17.0.1:8000
""",
    ),
    (
        "listens on IPv4, asked by IPv6",
        "text.address",
        "family",
        """time=2026-01-02T10:00:00Z level=INFO msg="Listening on 127.0.0.1:11434 (version 0.9.3)"
Error: Post "http://localhost:11434/api/chat": dial tcp [::1]:11434: connect: connection refused
""",
    ),
    (
        "a container asks itself",
        "text.address",
        "own-loopback",
        """root@0a1b2c3d4e5f:/app# curl http://localhost:11434
curl: (7) Failed to connect to localhost port 11434 after 0 ms: Couldn't connect to server
""",
    ),
    (
        "answers on loopback only",
        "text.address",
        "answers-locally",
        """$ curl http://127.0.0.1:8080/health
{"status":"ok"}
$ curl http://192.168.4.20:8080/health
curl: (7) Failed to connect to 192.168.4.20 port 8080 after 1 ms: Connection refused
""",
    ),
    (
        "dropped on the way",
        "text.address",
        "dropped",
        """LISTEN 0 4096 *:11434 *:* users:(("ollama",pid=812,fd=3))
curl: (28) Failed to connect to 192.168.4.20 port 11434 after 130012 ms: Connection timed out
""",
    ),
    (
        "another port",
        "text.address",
        "other-port",
        """INFO:     Uvicorn running on http://0.0.0.0:8001 (Press CTRL+C to quit)
ConnectionError: HTTPConnectionPool(host='localhost', port=8000): Max retries exceeded with url: /v1/models (Caused by \
NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))
""",
    ),
    (
        "a model that is not in the list",
        "text.model",
        "not-listed",
        """NAME             ID              SIZE      MODIFIED
llama3.2:3b      a80c4f17acd5    2.0 GB    3 days ago
qwen2.5:7b       845dbda0ea48    4.7 GB    5 days ago

{"error":"model 'llama3.2' not found"}
""",
    ),
    (
        "another model answers",
        "text.model",
        "other-model",
        """$ curl http://127.0.0.1:8080/v1/chat/completions -d '{"model": "big-70b", "messages": []}'
{"choices":[],"created":1,"model":"small-1b-q4","object":"chat.completion","id":"chatcmpl-1"}
""",
    ),
    (
        "slots share the context",
        "text.context",
        "divided",
        """llama_context: n_ctx         = 16384
srv    load_model: initializing, n_slots = 4, n_ctx_slot = 4096, kv_unified = 'false'
""",
    ),
    (
        "slots share the context by command line",
        "text.context",
        "divided",
        """$ ./llama-server -m model.gguf -c 8192 -np 2 --port 8080
slot        init: id  0 | task -1 | new slot, n_ctx = 4096
""",
    ),
    (
        "a prompt beyond the context",
        "text.context",
        "prompt",
        'level=WARN source=runner.go:129 msg="truncating input prompt" limit=4096 prompt=14570 keep=5 new=4096\n',
    ),
    (
        "a cache too small for the context",
        "text.context",
        "cache",
        """vllm serve org/model --max-model-len 65536
INFO 11-02 10:00:00 [kv_cache_utils.py:1] GPU KV cache size: 41,216 tokens
""",
    ),
    (
        "more threads than processors",
        "text.cores",
        "quota",
        """services:
  engine:
    image: ollama/ollama
    cpus: "4.0"
system_info: n_threads = 16 (n_threads_batch = 16) / 32 | AVX = 1
""",
    ),
    (
        "more threads than cpu.max",
        "text.cores",
        "quota",
        """$ cat /sys/fs/cgroup/cpu.max
200000 100000
$ ./llama-server -m m.gguf --threads 8
main: starting
""",
    ),
    (
        "a container without a GPU",
        "text.gpu",
        "not-requested",
        """docker run -d -v ollama:/root/.ollama -p 11434:11434 --name ollama ollama/ollama

time=2026-01-02T10:00:00Z level=INFO source=gpu.go:392 msg="no compatible GPUs were discovered"
""",
    ),
    (
        "a compose file without a GPU",
        "text.gpu",
        "not-requested",
        """services:
  llm:
    image: ollama/ollama:latest
    ports:
      - "11434:11434"
    volumes:
      - ./models:/root/.ollama
time=2026-01-02T10:00:00Z level=INFO msg="inference compute" id=0 library=cpu variant=avx2 total="62.7 GiB"
""",
    ),
    (
        "a GPU lost in the container",
        "text.gpu",
        "lost-in-container",
        """(host) $ nvidia-smi -L
GPU 0: NVIDIA A10 (UUID: GPU-f15ae561-0000)
$ docker exec ollama nvidia-smi
Failed to initialize NVML: Unknown Error
""",
    ),
    (
        "an engine that sees no GPU",
        "text.gpu",
        "engine-blind",
        """$ nvidia-smi -L
GPU 0: NVIDIA GeForce RTX 4090 (UUID: GPU-f15ae561-0000)

level=INFO source=gpu.go:392 msg="no compatible GPUs were discovered"
""",
    ),
    (
        "no layer asked for",
        "text.layers",
        "switched-off",
        """$ llama-server -m model.gguf -ngl 0
load_tensors: offloaded 0/33 layers to GPU
""",
    ),
    (
        "no layer on the GPU that is seen",
        "text.layers",
        "none",
        """ggml_cuda_init: found 1 CUDA devices:
load_tensors: offloaded 0/33 layers to GPU
""",
    ),
    (
        "a setting of the shell",
        "text.setting",
        "shell",
        """export OLLAMA_HOST=0.0.0.0:11434
2026/01/02 10:07:27 routes.go:1186: INFO server config env="map[HTTPS_PROXY: OLLAMA_HOST:http://127.0.0.1:11434 \
OLLAMA_KEEP_ALIVE:5m0s OLLAMA_MODELS:/usr/share/ollama/.ollama/models]"
""",
    ),
    (
        "a setting of the unit",
        "text.setting",
        "unit",
        """[Service]
Environment="OLLAMA_MODELS=/data/models"
time=2026-01-02T10:00:00Z level=INFO source=routes.go:1 msg="server config" env="map[HTTPS_PROXY: \
OLLAMA_HOST:http://127.0.0.1:11434 OLLAMA_MODELS:/usr/share/ollama/.ollama/models]"
""",
    ),
    (
        "an image that wants a newer driver",
        "text.cuda",
        "minor",
        """$ nvidia-smi
| NVIDIA-SMI 525.125.06   Driver Version: 525.125.06   CUDA Version: 12.0     |
$ docker run --rm --gpus all nvidia/cuda:12.8.0-base-ubuntu22.04 nvidia-smi
nvidia-container-cli: requirement error
""",
    ),
    (
        "a library of a newer major version",
        "text.cuda",
        "major",
        """| NVIDIA-SMI 535.216.01             Driver Version: 535.216.01   CUDA Version: 12.2     |
$ pip list
torch                    2.9.0+cu130
""",
    ),
    (
        "module and library",
        "gpu.versions",
        "mismatch",
        """Failed to initialize NVML: Driver/library version mismatch
NVML library version: 570.133
$ cat /proc/driver/nvidia/version
NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.04  Tue Feb 25 2025
""",
    ),
    (
        "a module for another kernel",
        "text.kernel",
        "not-built",
        """$ uname -r
6.8.0-90-generic
$ dkms status
nvidia/570.124.04, 6.8.0-85-generic, x86_64: installed
""",
    ),
    (
        "more ranks than GPUs",
        "text.ranks",
        "gpus",
        """vllm serve org/model --tensor-parallel-size 4
GPU 0: NVIDIA A10 (UUID: GPU-f15ae561-0000)
GPU 1: NVIDIA A10 (UUID: GPU-f15ae562-0000)
""",
    ),
    (
        "a client that is newer than the server",
        "text.release",
        "server-older",
        """$ ollama -v
ollama version is 0.5.4
Warning: client version is 0.9.3
""",
    ),
    (
        "a folder of somebody else",
        "text.permission",
        "owner",
        """[Service]
User=ollama
$ ls -ld /srv/models
drwxr-xr-x 3 root root 4096 Feb 25 17:00 /srv/models
Error: mkdir /srv/models/blobs: permission denied
""",
    ),
    (
        "a proxy's default, measured by the proxy",
        "text.duration",
        "latency",
        '192.0.2.7 - - [02/Jan/2026:10:00:00 +0000] "POST /v1/chat/completions HTTP/1.1" 504 160 "-" rt=60.004\n',
    ),
    (
        "an engine's load limit, measured by the engine",
        "text.duration",
        "latency",
        '[GIN] 2026/01/02 - 10:05:01 | 500 |          5m1s |       127.0.0.1 | POST     "/api/generate"\n',
    ),
    (
        "a length of time in words",
        "text.duration",
        "stated",
        "Every answer that takes long is cut after exactly 100 seconds.\nThe browser shows a 524.\n",
    ),
    (
        "a length of time between lines",
        "text.duration",
        "gap",
        """2026-01-02 10:00:00,120 INFO proxy: forwarding POST /v1/chat/completions
2026-01-02 10:01:00,131 ERROR proxy: upstream timed out
""",
    ),
    (
        "the limit of the proxy that is shown",
        "text.proxy",
        "limit",
        """location /v1/ {
    proxy_pass http://127.0.0.1:8000;
    proxy_read_timeout 90s;
}
the connection is closed after 90 seconds
""",
    ),
    (
        "a proxy that collects",
        "text.proxy",
        "buffering",
        """server {
    listen 443 ssl;
    location / {
        proxy_pass http://10.0.0.3:8080;
    }
}
The answer arrives all at once when it is done.
""",
    ),
    (
        "shared memory of 64 MB",
        "text.limit",
        "shm",
        """vllm serve org/model --tensor-parallel-size 2
shm              64M     0   64M   0% /dev/shm
""",
    ),
    (
        "open files",
        "text.limit",
        "open-files",
        """accept tcp 0.0.0.0:11434: accept4: too many open files
Max open files            1024                 524288               files
""",
    ),
    (
        "a virtual machine with too little memory",
        "text.memory",
        "vm",
        """My .wslconfig:
[wsl2]
memory=8GB

Error: model requires more system memory (11.3 GiB) than is available (7.1 GiB)
""",
    ),
    (
        "killed at the limit of its pod",
        "text.memory",
        "container",
        """    limits:
      memory: "512Mi"
State: Terminated, Reason: OOMKilled
""",
    ),
    (
        "a package of another release",
        "text.package",
        "mismatch",
        "some-engine 0.9.1 requires torch==2.8.0, but you have torch 2.9.1 which is incompatible.\n",
    ),
    (
        "an address without the API's prefix",
        "text.path",
        "no-prefix",
        'INFO: HTTP Request: POST http://127.0.0.1:11434/chat/completions "HTTP/1.1 404 Not Found"\n',
    ),
    (
        "an address with the prefix twice",
        "text.path",
        "prefix-twice",
        "httpx.HTTPStatusError: Client error '404 Not Found' for url 'http://llm:8000/v1/v1/chat/completions'\n",
    ),
    (
        "a container without the driver's program",
        "text.gpu",
        "not-requested",
        """docker run --rm -it -p 8188:8188 some/image:latest
bash: nvidia-smi: command not found
""",
    ),
    (
        "threads in a batch job",
        "text.cores",
        "quota",
        """cmd="runner --ctx-size 8192 --threads 64 --parallel 2"
srun --cpus-per-task=24
""",
    ),
    (
        "reasons for lowered clocks, cut out",
        "gpu.throttle",
        "thermal",
        """    Clocks Event Reasons
        Idle                              : Not Active
        SW Power Cap                      : Not Active
        HW Slowdown                       : Not Active
        SW Thermal Slowdown               : Active
""",
    ),
    (
        "a unit that failed",
        "unit.active",
        "",
        """$ systemctl status ollama
× ollama.service - Ollama Service
     Loaded: loaded (/etc/systemd/system/ollama.service; enabled; preset: enabled)
     Active: failed (Result: exit-code) since Fri 2026-01-02 10:00:00 UTC; 3s ago
    Process: 4711 ExecStart=/usr/local/bin/ollama serve (code=exited, status=1/FAILURE)
""",
    ),
    (
        "a container that ended",
        "container.running",
        "exited",
        """CONTAINER ID   IMAGE           COMMAND               CREATED       STATUS                     PORTS     NAMES
0123456789ab   ollama/ollama   "/bin/ollama serve"   2 hours ago   Exited (1) 2 minutes ago             llm
""",
    ),
    (
        "a port that docker ps shows on loopback",
        "text.address",
        "published-loopback",
        """0123456789ab   some/image   "serve"   2 hours ago   Up 2 hours   127.0.0.1:8000->8000/tcp   llm
curl: (7) Failed to connect to 10.0.0.5 port 8000 after 1 ms: Connection refused
""",
    ),
    (
        "a container that was killed, inspected",
        "container.running",
        "oom-killed",
        """$ docker inspect llm
[{"Id": "0123", "Name": "/llm", "Image": "sha256:1", "Created": "2026-01-02T10:00:00Z", "RestartCount": 0,
"State": {"Status": "exited", "ExitCode": 137, "OOMKilled": true, "Pid": 0,
"Error": "", "StartedAt": "", "FinishedAt": ""},
"Config": {"Image": "ollama/ollama:latest", "Env": ["A=b"]},
"HostConfig": {"Memory": 536870912, "NetworkMode": "bridge"},
"NetworkSettings": {}}]
""",
    ),
    (
        "a full disk",
        "disk.space",
        "root",
        """$ df -h
Filesystem      Size  Used Avail Use% Mounted on
/dev/sda1        98G   98G   20K 100% /
tmpfs            32G     0   32G   0% /dev/shm
""",
    ),
    (
        "nothing may run from /tmp",
        "disk.executable",
        "temporary",
        "tmpfs on /tmp type tmpfs (rw,nosuid,nodev,noexec,relatime)\n",
    ),
    (
        "a card that fell off the bus",
        "gpu.errors",
        "xid",
        "[ 1234.567890] NVRM: Xid (PCI:0000:01:00): 79, pid=4711, name=python3, GPU has fallen off the bus.\n",
    ),
    (
        "another driver holds the card",
        "gpu.module",
        "other-driver",
        """01:00.0 VGA compatible controller: NVIDIA Corporation AD102 [GeForce RTX 4090] (rev a1)
	Subsystem: Some Maker Device 1234
	Kernel driver in use: nouveau
	Kernel modules: nvidiafb, nouveau, nvidia_drm, nvidia
""",
    ),
    (
        "a model half on the processor",
        "gpu.placement",
        "split",
        """NAME           ID              SIZE     PROCESSOR          UNTIL
qwen2.5:32b    9f13ba1299af    24 GB    38%/62% CPU/GPU    4 minutes from now

| NVIDIA-SMI 535.216.01             Driver Version: 535.216.01   CUDA Version: 12.2     |
|   0  NVIDIA GeForce RTX 4070        Off | 00000000:01:00.0  On |                  N/A |
| 30%   45C    P8              22W / 200W |  11200MiB / 12282MiB |      0%      Default |
""",
    ),
)

#: Single lines of all of these, for mixing.
FRAGMENTS: tuple[str, ...] = tuple(dict.fromkeys(line for one in TELLING for line in one[3].splitlines()))
