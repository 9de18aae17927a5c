"""Machines on which nothing is wrong: what a fault is injected into, and what must give no alarm."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from keepwell.config.model import NetworkEntry
from keepwell.survey.expected import Expected
from keepwell.testing.fake_gpu.card import GIB, FakeCard, FakeProcess
from keepwell.testing.fake_gpu.linux import NOW
from keepwell.testing.fake_gpu.machine import FakeMachine
from keepwell.testing.fake_gpu.scenarios_well import RTX4090
from keepwell.testing.fake_state import FakeModel, FakeState
from keepwell.testing.gym.made.lines import start_lines, traffic_lines
from keepwell.testing.gym.made.processes import log_path, runner_pid
from keepwell.testing.gym.made.state import (
    MadeContainer,
    MadeDisk,
    MadeEngine,
    MadeLink,
    MadeProcess,
    MadeState,
    MadeUnit,
)
from keepwell.transport.recorded.tape import TapeFile

NODE = "box"
#: Requests in the window of a healthy engine.
REQUESTS = 40
WINDOW_SECONDS = 3600.0
LOOPBACK = MadeLink(name="lo", address="127.0.0.1", kind="loopback", mtu=65_536)
MODEL_BYTES = 9 * GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A machine by name: how it is made (each time anew), and the networks that its owner declared."""

    name: str
    say: str
    make: Callable[[random.Random], MadeState]
    networks: tuple[NetworkEntry, ...] = ()

    def expect(self) -> tuple[Expected | NetworkEntry, ...]:
        """What keepwell would remember from the day before: every engine served, with its log's place."""
        healthy = self.make(random.Random(0))
        return (*(expected_of(one) for one in healthy.engines), *self.networks)


def expected_of(engine: MadeEngine) -> Expected:
    """An engine as it is remembered when it served some minutes ago."""
    supervisor, unit = "process", ""
    if engine.unit is not None:
        supervisor, unit = "systemd", engine.unit.name
    if engine.container is not None:
        supervisor, unit = "container", engine.container.name
    known = Expected(
        engine=engine.flavour,
        url=engine.url,
        declared=False,
        start=engine.argv,
        unit=unit,
        user=engine.user,
        seen_at=NOW - 600,
    )
    if supervisor == "systemd":
        return replace(known, supervisor="systemd")
    return replace(known, supervisor="container") if supervisor == "container" else known


def _with_lines(state: MadeState, rng: random.Random) -> MadeState:
    """Every engine has started and served."""
    for engine in state.engines:
        engine.log += start_lines(engine) + traffic_lines(engine, rng, REQUESTS, WINDOW_SECONDS)
        if engine.unit is not None:
            started = f"systemd[1]: Started {engine.unit.name} - Model server."
            state.journal.append((engine.age_seconds, started))
    return state


def _ollama_store(folder: str, uid: int) -> dict[str, TapeFile | str | None]:
    """A store whose models were all deleted: what it holds is the wire's affair."""
    paths = ("", "/.ollama", "/.ollama/models", "/.ollama/models/manifests", "/.ollama/models/blobs")
    return {f"{folder}{path}": TapeFile(kind="directory", uid=uid, gid=uid, mode=0o755) for path in paths}


def _gguf(path: str, uid: int) -> dict[str, TapeFile | str | None]:
    """A whole model file, of which only the first bytes are there."""
    head = b"GGUF\x03\x00\x00\x00" + bytes(16)
    return {path: TapeFile(pieces=((0, head),), size_bytes=MODEL_BYTES, uid=uid, gid=uid, mode=0o644)}


def _ollama_box(rng: random.Random) -> MadeState:
    engine = MadeEngine(
        flavour="ollama",
        argv=("/usr/local/bin/ollama", "serve"),
        port=11434,
        environment={"HOME": "/srv/engine", "PATH": "/usr/bin"},
        unit=MadeUnit(name="ollama.service"),
        runner=True,
        model_path="/srv/engine/.ollama/models/blobs/sha256-aa",
        wire=FakeState(release="0.9.3", models=(FakeModel(name="small:8b", size_bytes=MODEL_BYTES, gpu_ratio=1.0),)),
    )
    held = FakeProcess(pid=runner_pid(engine), used_bytes=MODEL_BYTES)
    card = replace(RTX4090, memory_used_bytes=MODEL_BYTES + GIB, processes=(held,))
    state = MadeState(
        machine=FakeMachine(cards=(card,), driver="565.57.01", library="565.57.01", cuda=12070),
        engines=[engine],
        disks=[MadeDisk(path="/"), MadeDisk(path="/srv", device="/dev/nvme1n1p1", total_bytes=4_000 * GIB)],
        links=[replace(LOOPBACK), MadeLink(name="enp5s0", address="192.168.1.20", mbit_per_s=2500)],
        processes=[MadeProcess(pid=800, argv=("/usr/sbin/sshd", "-D"), uid=0, listens=22)],
        extra=_ollama_store("/srv/engine", 990),
    )
    return _with_lines(state, rng)


def _vllm_server(rng: random.Random) -> MadeState:
    model = "/srv/models/tiny"
    engine = MadeEngine(
        flavour="vllm",
        argv=("/opt/vllm/bin/vllm", "serve", model, "--port", "8000", "--tensor-parallel-size", "2"),
        port=8000,
        host="0.0.0.0",
        environment={"HOME": "/srv/engine", "PATH": "/usr/bin"},
        unit=MadeUnit(name="vllm.service"),
        model_path=model,
        wire=FakeState(release="0.32.0", models=(FakeModel(name="tiny", path=model, context_tokens=8192),)),
        memory_bytes=12 * GIB,
    )
    card = FakeCard(memory_used_bytes=76 * GIB, processes=(FakeProcess(pid=engine.pid, used_bytes=75 * GIB),))
    second = replace(card, pci="0000:02:00.0", uuid="GPU-00000000-0000-4000-8000-000000000002")
    state = MadeState(
        machine=FakeMachine(cards=(card, second)),
        engines=[engine],
        links=[replace(LOOPBACK), MadeLink(name="eno1", address="10.0.3.4", mbit_per_s=10_000)],
        extra=_hub_model(model),
    )
    return _with_lines(state, rng)


def _hub_model(folder: str) -> dict[str, TapeFile | str | None]:
    size = 16 * GIB
    header = f'{{"w":{{"dtype":"BF16","shape":[{size // 2}],"data_offsets":[0,{size}]}}}}'.encode()
    content = len(header).to_bytes(8, "little") + header
    weights = TapeFile(pieces=((0, content),), size_bytes=len(content) + size)
    return {f"{folder}/config.json": '{"num_attention_heads": 32}', f"{folder}/model.safetensors": weights}


def _llamacpp_container(rng: random.Random) -> MadeState:
    path = "/models/alpha.gguf"
    engine = MadeEngine(
        flavour="llamacpp",
        argv=("/app/llama-server", "-m", path, "--host", "0.0.0.0", "--port", "8080", "-ngl", "99", "--metrics"),
        port=8080,
        host="0.0.0.0",
        uid=0,
        user="root",
        groups=(0,),
        environment={"PATH": "/usr/bin", "NVIDIA_VISIBLE_DEVICES": "all"},
        container=MadeContainer(
            name="llama", image="ghcr.io/ggml-org/llama.cpp:server-cuda", inner_port=8080, library="565.57.01"
        ),
        model_path=path,
        wire=FakeState(release="b11549", models=(FakeModel(path=path, context_tokens=8192),), switches={"metrics"}),
    )
    held = FakeProcess(pid=engine.pid, used_bytes=MODEL_BYTES)
    card = replace(RTX4090, memory_used_bytes=MODEL_BYTES + GIB, processes=(held,))
    state = MadeState(
        machine=FakeMachine(cards=(card,), driver="565.57.01", library="565.57.01", cuda=12070),
        engines=[engine],
        disks=[MadeDisk(path="/"), MadeDisk(path="/var/lib/docker", device="/dev/nvme1n1p1")],
        links=[
            replace(LOOPBACK),
            MadeLink(name="eno1", address="192.168.1.21"),
            MadeLink(name="docker0", address="172.17.0.1", kind="bridge"),
        ],
        docker=True,
        extra={f"/proc/{engine.pid}/root{name}": file for name, file in _gguf(path, 0).items()},
    )
    return _with_lines(state, rng)


def _llamacpp_cpu(rng: random.Random) -> MadeState:
    path = "/srv/engine/alpha.gguf"
    engine = MadeEngine(
        flavour="llamacpp",
        argv=("/opt/llama/llama-server", "-m", path, "--host", "0.0.0.0", "--port", "8080", "-t", "8", "--metrics"),
        port=8080,
        host="0.0.0.0",
        environment={"HOME": "/srv/engine", "PATH": "/usr/bin"},
        model_path=path,
        wire=FakeState(release="b11549", models=(FakeModel(path=path, context_tokens=8192),), switches={"metrics"}),
    )
    state = MadeState(
        machine=FakeMachine(memory_bytes=64 * GIB),
        engines=[engine],
        disks=[MadeDisk(path="/"), MadeDisk(path="/tmp", device="tmpfs", kind="tmpfs", total_bytes=32 * GIB)],
        links=[replace(LOOPBACK), MadeLink(name="eno1", address="192.168.1.22")],
        extra=_gguf(path, 990),
    )
    state = _with_lines(state, rng)
    assert log_path(engine)
    return state


def _cluster_node(rng: random.Random) -> MadeState:
    state = _vllm_server(rng)
    state.links += [
        MadeLink(name="enp65s0", address="10.9.0.4", mbit_per_s=100_000, mtu=9000),
        MadeLink(name="br0", address="10.9.1.4", kind="bridge", mtu=9000),
        MadeLink(name="enp66s0", mbit_per_s=25_000, mtu=9000, master="br0"),
    ]
    return state


def _ollama_container(rng: random.Random) -> MadeState:
    engine = MadeEngine(
        flavour="ollama",
        argv=("/bin/ollama", "serve"),
        port=11434,
        host="0.0.0.0",
        uid=0,
        user="root",
        groups=(0,),
        environment={"OLLAMA_HOST": "0.0.0.0:11434", "NVIDIA_VISIBLE_DEVICES": "all", "PATH": "/usr/bin"},
        container=MadeContainer(name="ollama", image="ollama/ollama:0.9.3", inner_port=11434, library="565.57.01"),
        runner=True,
        model_path="/root/.ollama/models/blobs/sha256-aa",
        folder="/root",
        wire=FakeState(release="0.9.3", models=(FakeModel(name="small:8b", size_bytes=MODEL_BYTES, gpu_ratio=1.0),)),
    )
    held = FakeProcess(pid=runner_pid(engine), used_bytes=MODEL_BYTES)
    card = replace(RTX4090, memory_used_bytes=MODEL_BYTES + GIB, processes=(held,))
    inside = _ollama_store("/root", 0)
    state = MadeState(
        machine=FakeMachine(cards=(card,), driver="565.57.01", library="565.57.01", cuda=12070),
        engines=[engine],
        links=[
            replace(LOOPBACK),
            MadeLink(name="eno1", address="192.168.1.23"),
            MadeLink(name="docker0", address="172.17.0.1", kind="bridge"),
        ],
        docker=True,
        extra={f"/proc/{engine.pid}/root{name}": file for name, file in inside.items()},
    )
    return _with_lines(state, rng)


PROFILES: Mapping[str, Profile] = {
    one.name: one
    for one in (
        Profile(name="ollama-box", say="One machine with a GeForce and Ollama under systemd", make=_ollama_box),
        Profile(name="vllm-two-gpus", say="A server with two H100 and vLLM over both", make=_vllm_server),
        Profile(
            name="llamacpp-container", say="llama.cpp's server in a container with a GPU", make=_llamacpp_container
        ),
        Profile(name="ollama-container", say="Ollama in a container with a GPU", make=_ollama_container),
        Profile(name="llamacpp-cpu", say="llama.cpp's server on a machine without a GPU", make=_llamacpp_cpu),
        Profile(
            name="cluster-node",
            say="A node of a cluster with a network for ranks",
            make=_cluster_node,
            networks=(
                NetworkEntry(node=NODE, role="lan", interface="eno1", mbit_per_s=10_000),
                NetworkEntry(node=NODE, role="cluster", interface="enp65s0", mbit_per_s=100_000),
            ),
        ),
    )
}
