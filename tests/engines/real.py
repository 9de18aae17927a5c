"""Real engines as processes: a llama-server from the demo extra, and an Ollama where one was set up."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from keepwell.testing.tiny_model import OLLAMA_TEMPLATE, TinyModel, write_tiny_model
from keepwell.testing.waiting import eventually
from tests.support import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
#: Seconds for a real engine to start, to answer and to end on a busy machine.
PATIENCE = 30.0


@dataclass(slots=True, kw_only=True)
class RealEngine:
    """A running process and its log."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[str]:
        """What it logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def ask(self, path: str, body: object = None) -> tuple[int, bytes]:
        """One request past any proxy: status and body; (0, b"") where nothing answers."""
        data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(self.url + path, data=data), timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""


def skip(reason: str) -> NoReturn:
    """Skip with a line that says why; where everything must run (CI=true), fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"cannot run: {reason}")
    pytest.skip(reason)


def make_model(path: Path, shape: TinyModel) -> Path:
    """A model file; skips where it cannot be made."""
    if importlib.util.find_spec("gguf") is None or importlib.util.find_spec("xllamacpp") is None:
        skip("no real llama-server and no model: the demo extra (gguf, numpy, xllamacpp) is not installed")
    return write_tiny_model(path, shape)


@contextmanager
def running(argv: Sequence[str], environment: Mapping[str, str], url: str, log: Path) -> Iterator[RealEngine]:
    """The process while the block lasts."""
    with log.open("wb") as file:
        process = subprocess.Popen(argv, env={**os.environ, **environment}, stdout=file, stderr=file, cwd=log.parent)
    engine = RealEngine(url=url, process=process, log=log)
    try:
        yield engine
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def llama_server(folder: Path, *flags: str, **environment: str) -> Iterator[RealEngine]:
    """A llama-server that was started; not yet ready."""
    port = free_port()
    argv = [sys.executable, "-m", "keepwell.testing.llama_server", "--port", str(port), *flags]
    with running(argv, environment, f"http://127.0.0.1:{port}", folder / "llama.log") as engine:
        yield engine


def find_ollama() -> tuple[str, dict[str, str]]:
    """A program or script that runs Ollama, and what it needs in its environment; skips where there is none."""
    script = os.environ.get("KEEPWELL_OLLAMA", "")
    if script:
        return script, {}
    folder = REPOSITORY / ".cache" / "engines" / "ollama"
    if (folder / "run-ollama").exists():
        return str(folder / "run-ollama"), {}
    if (folder / "ollama").exists():
        # This build needs its own libraries, and dies on an operation of Intel GPUs unless it is told to use none.
        return str(folder / "ollama"), {"LD_LIBRARY_PATH": str(folder), "OLLAMA_NUM_GPU": "0"}
    skip("no real Ollama: set KEEPWELL_OLLAMA or run scripts/setup_engines.py")


@contextmanager
def ollama(folder: Path, **environment: str) -> Iterator[RealEngine]:
    """An Ollama with a store of its own, ready."""
    program, needed = find_ollama()
    port = free_port()
    own = {
        "HOME": str(folder),
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(folder / "models"),
        **needed,
        **environment,
    }
    with running([program, "serve"], own, f"http://127.0.0.1:{port}", folder / "ollama.log") as engine:
        eventually(lambda: engine.ask("/api/version")[0] == 200, PATIENCE, "Ollama answers")
        yield engine


def give(engine: RealEngine, model: Path, name: str, **parameters: object) -> None:
    """Put a model file into an Ollama's store, through its own interface, with parameters of its own."""
    content = model.read_bytes()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert engine.ask(f"/api/blobs/{digest}", content)[0] == 201
    files = {model.name: digest}
    asked = {"model": name, "files": files, "template": OLLAMA_TEMPLATE, "stream": False, "parameters": parameters}
    assert engine.ask("/api/create", asked)[0] == 200


def chat(engine: RealEngine, model: str, words: int = 4) -> str:
    """A short answer of a real Ollama; one thread, because two spin against other work."""
    status, body = engine.ask(
        "/api/chat",
        {
            "model": model,
            "messages": [{"role": "user", "content": "hello"}],
            "stream": False,
            "options": {"num_thread": 1, "num_predict": words},
        },
    )
    assert status == 200, body
    return str(json.loads(body)["message"]["content"])
