"""A real vLLM and the true llama-server, in a world."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keepwell.testing.real_engines import Asking, Server
from keepwell.testing.waiting import eventually
from keepwell.testing.world import Answer, World
from tests.faults.world import skip
from tests.support import REPOSITORY

ENGINES = REPOSITORY / ".cache" / "engines"
#: Seconds until vLLM answers: 35 on two idle cores.
VLLM_SECONDS = 300.0
#: Seconds until a dead vLLM has ended: it reads the traceback of its engine first.
END_SECONDS = 120.0


class Vllm(Server):
    """A real vLLM on the CPU."""

    def start(self, *, until: str = "/health") -> None:
        """Start it and wait until it answers, or has ended; its port opens when the model is loaded."""
        self.launch()
        eventually(Asking(self, until), VLLM_SECONDS, f"an answer of {self.url}: {self.log}")

    def ended(self) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait(END_SECONDS)

    def chat(self, seconds: float = 60.0) -> Answer:
        """One short answer."""
        body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
        return self.world.http(f"{self.url}/v1/chat/completions", body, seconds=seconds)

    def core(self) -> int:
        """The process that computes: the one child of the server that is no helper of Python's."""
        said = self.world.run(["ps", "-eo", "pid=,args="]).stdout
        (found,) = [int(line.split()[0]) for line in said.splitlines() if "VLLM::EngineCore" in line]
        return found


class Router(Server):
    """A llama-server with a folder of models; each loaded one has a process of its own."""

    def chat(self, model: str) -> Answer:
        """One short answer, which loads the model."""
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
        return self.world.http(f"{self.url}/v1/chat/completions", body)

    @property
    def models(self) -> Path:
        """The folder of its models."""
        return self.folder / "models"


def look(server: Server, plug_in: str) -> dict[str, Any]:
    """What the plug-in reads at this server: models, health, metrics, settings."""
    argv = [sys.executable, "-m", "tests.long.look", plug_in, server.url, str(server.log), *server.argv]
    ran = server.world.run(argv, env={**server.environment, "PYTHONPATH": str(REPOSITORY)})
    assert ran.returncode == 0, ran.stderr[-2000:]
    read: dict[str, Any] = json.loads(ran.stdout)
    return read


def the_engine(answer: dict[str, Any]) -> dict[str, Any]:
    """The one engine that was found."""
    (found,) = answer["node"]["engines"]
    assert isinstance(found, dict)
    return found


def find_vllm() -> Path:
    """The program; skips where it was not set up."""
    if not (ENGINES / "vllm" / "ready").exists():
        skip("there is no vLLM: run scripts/setup_engines.py --vllm")
    return ENGINES / "vllm" / "bin" / "vllm"


def make_vllm(world: World, model: Path, *, development: bool = True, more: tuple[str, ...] = ()) -> Vllm:
    """A vLLM for a copy of this model, not yet started; one thread, as two spin against other work."""
    folder = world.root / "vllm"
    shutil.copytree(model, folder / "tiny")
    argv = [str(find_vllm()), "serve", str(folder / "tiny"), "--served-model-name", "tiny", "--host", "127.0.0.1"]
    argv += ["--port", "8000", "--dtype", "float32", "--max-model-len", "2048", "--max-num-seqs", "4"]
    argv += ["--enforce-eager", *more]
    environment: Mapping[str, str] = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        **{True: {"VLLM_SERVER_DEV_MODE": "1"}, False: {}}[development],
    }
    return Vllm(world, folder, "http://127.0.0.1:8000", argv, dict(environment))


def make_router(world: World, model: Path) -> Router:
    """A router of the models "alpha" and "bravo", not yet started."""
    program = ENGINES / "llama-server" / "llama-server"
    if not program.exists():
        skip("there is no llama-server: run scripts/setup_engines.py --llama-server")
    folder = world.root / "llama"
    (folder / "models").mkdir(parents=True)
    for name in ("alpha", "bravo"):
        shutil.copy(model, folder / "models" / f"{name}.gguf")
    argv = [str(program), "--models-dir", str(folder / "models"), "--models-max", "2", "--host", "127.0.0.1"]
    argv += ["--port", "8080", "-t", "1", "-np", "1", "-c", "2048", "--metrics"]
    return Router(world, folder, "http://127.0.0.1:8080", argv)
