"""A live run for pictures: real engines, `keepwell up` over them, and clients that ask. Everything is ended after."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from keepwell.store.hub_door import find_hub_door
from keepwell.testing.real_engines import find_llama_server
from keepwell.testing.tiny_model import OLLAMA_TEMPLATE, TinyModel, write_tiny_model
from keepwell.testing.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent
OLLAMA = ROOT / ".cache" / "engines" / "ollama" / "ollama"
#: Seconds for an engine or the hub to answer on a busy machine, and until what was stopped is found.
START_SECONDS, FOUND_SECONDS = 60.0, 150.0
#: Tokens of one answer: long enough to be seen as it streams.
TOKENS = 1800


@dataclass
class Stage:
    """`state` is the state folder, `gateway` and `hub` where they answer; `clients` are requests that run."""

    folder: Path
    state: Path
    gateway: str
    hub: str
    models: list[str] = field(default_factory=list)
    stopped: str = ""
    clients: set[asyncio.Task[None]] = field(default_factory=set)

    def ask(self, model: str) -> None:
        """One more client that reads a long stream; again when it ended."""
        task = asyncio.get_running_loop().create_task(self._keep_asking(model))
        self.clients.add(task)

    async def end(self) -> None:
        """No more clients."""
        for one in self.clients:
            one.cancel()
        await asyncio.gather(*self.clients, return_exceptions=True)
        self.clients.clear()

    async def _keep_asking(self, model: str) -> None:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "count"}],
            "max_tokens": TOKENS,
            "stream": True,
        }
        content = json.dumps(body).encode()
        host, _, port = self.gateway.removeprefix("http://").partition(":")
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(head.encode() + content)
                while await reader.read(65536):
                    continue
                writer.close()
            await asyncio.sleep(0.2)


@contextlib.contextmanager
def live(folder: Path) -> Iterator[Stage]:
    """Engines, gateway and hub in this folder."""
    with contextlib.ExitStack() as stack:
        ports = [free_port() for _ in range(5)]
        model = write_tiny_model(
            folder / "counting.gguf",
            TinyModel(tag="counting", loop=True, layers=6, width=512, feed=2048, context_tokens=16384),
        )
        for port, name in ((ports[0], "counting-large"), (ports[1], "counting-spare")):
            argv = [*find_llama_server(), "-m", str(model), "--port", str(port), "-a", name]
            argv += ["--metrics", "--slots", "--ctx-size", "8192", "--parallel", "2"]
            pid = stack.enter_context(process(argv, folder / f"{name}.log")).pid
            wait_for(f"http://127.0.0.1:{port}/health")
        stopped = pid
        models = ["counting-large"]
        if OLLAMA.exists():
            environment = {"OLLAMA_HOST": f"127.0.0.1:{ports[2]}", "HOME": str(folder), "OLLAMA_NUM_GPU": "0"}
            environment |= {"OLLAMA_MODELS": str(folder / "models"), "LD_LIBRARY_PATH": str(OLLAMA.parent)}
            stack.enter_context(process([str(OLLAMA), "serve"], folder / "ollama.log", environment))
            wait_for(f"http://127.0.0.1:{ports[2]}/api/version")
            give(f"http://127.0.0.1:{ports[2]}", model, "counting-chat")
            models.append("counting-chat")
        gateway, hub = (f"127.0.0.1:{port}" for port in ports[3:])
        config = folder / "keepwell.toml"
        text = f'[gateway]\nlisten = "{gateway}"\n\n[hub]\nlisten = "{hub}"\n\n[alerts]\nhold = "2s"\n'
        for port, kind in zip(ports, ("llamacpp", "llamacpp", "ollama"), strict=False):
            if kind != "ollama" or OLLAMA.exists():
                text += f'\n[[engine]]\nkind = "{kind}"\nurl = "http://127.0.0.1:{port}"\n'
        config.write_text(text)
        state = folder / "state"
        argv = [sys.executable, "-m", "keepwell", "up", "--declared", "--config", str(config)]
        stack.enter_context(process(argv, folder / "up.log", {"KEEPWELL_STATE": str(state)}))
        made = Stage(folder=folder, state=state, gateway=f"http://{gateway}", hub=f"http://{hub}", models=models)
        try:
            eventually(HubAnswers(state), START_SECONDS, "the hub")
        except AssertionError:
            print((folder / "up.log").read_text(errors="replace")[-2000:], file=sys.stderr)
            raise
        wait_for(f"{made.gateway}/v1/models")
        os.kill(stopped, signal.SIGSTOP)  # one of them hangs from now on
        stack.callback(os.kill, stopped, signal.SIGCONT)
        made.stopped = f"127.0.0.1:{ports[1]}"
        yield made


def give(url: str, model: Path, name: str) -> None:
    """A model file for an Ollama, by its own interface."""
    content = model.read_bytes()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    made = {"model": name, "files": {model.name: digest}, "template": OLLAMA_TEMPLATE, "stream": False}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for path, body in ((f"/api/blobs/{digest}", content), ("/api/create", json.dumps(made).encode())):
        opener.open(urllib.request.Request(url + path, data=body, method="POST"), timeout=60).close()


@dataclass
class HubAnswers:
    """Whether the hub of a state folder has a door."""

    state: Path

    def __call__(self) -> bool:
        return find_hub_door(self.state) is not None


@dataclass
class Answers:
    """Whether a URL answers 200."""

    url: str

    def __call__(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def wait_for(url: str) -> None:
    """Until it answers."""
    eventually(Answers(url), START_SECONDS, f"an answer of {url}")


@contextlib.contextmanager
def process(argv: list[str], log: Path, more: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended after."""
    environment = {**os.environ, **(more or {})}
    with log.open("wb") as file, subprocess.Popen(argv, stdout=file, stderr=file, env=environment) as running:
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()


def free_port() -> int:
    """One that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
