"""A real Ollama's model is served by a llama-server that is started by exactly what is printed, and says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import (
    PATIENCE,
    RealEngine,
    chat,
    find_ollama,
    give,
    llama_server,
    make_model,
    ollama,
    running,
)
from tests.support import REPOSITORY

#: The true program where it was built, else one of this name in front of the one in a wheel.
PROGRAM = REPOSITORY / ".cache" / "engines" / "llama-server" / "llama-server"


def keepwell(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command as somebody types it, with a state of its own."""
    argv = [sys.executable, "-m", "keepwell", *words]
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}
    return subprocess.run(argv, capture_output=True, text=True, env=environment, cwd=folder, timeout=60, check=False)


def program_folder(folder: Path) -> Path:
    """A folder with a program called llama-server."""
    if PROGRAM.exists():
        return PROGRAM.parent
    script = folder / "programs" / "llama-server"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m keepwell.testing.llama_server "$@"\n')
    script.chmod(0o755)
    return script.parent


def said(engine: RealEngine, model: str) -> str:
    """A short answer in the OpenAI form."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
    request = urllib.request.Request(
        f"{engine.url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=PATIENCE) as reply:
        answer = reply.read()
    return str(json.loads(answer)["choices"][0]["message"]["content"])


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """What was printed for a model of a running Ollama, and what that said."""
    folder = tmp_path_factory.mktemp("prepare")
    model = make_model(folder / "alpha.gguf", TinyModel(tag="alpha", name="tiny-alpha"))
    with ollama(folder, OLLAMA_CONTEXT_LENGTH="1024", OLLAMA_NUM_PARALLEL="2") as engine:
        give(engine, model, "tiny-alpha")
        answer = chat(engine, "tiny-alpha")
        wanted = ("--engine", engine.url, "--to", "llamacpp", "--as", "unit", "--gpu", "8", "--json")
        ran = keepwell(folder, "migrate", "prepare", "tiny-alpha", *wanted)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder, json.loads(ran.stdout), answer


def serve(folder: Path, argv: Sequence[str], url: str, model: str) -> str:
    """What the server says that this command starts."""
    environment = {"PATH": f"{program_folder(folder)}:{os.environ['PATH']}"}
    words = ["env", *(f"{name}={value}" for name, value in environment.items()), *argv]
    with running(words, environment, url, folder / "moved.log") as server:
        eventually(lambda: server.ask("/health")[0] == 200, PATIENCE, "the moved model is served")
        listed = json.loads(server.ask("/v1/models")[1])
        assert [one["id"] for one in listed["data"]] == [model]
        return said(server, model)


def test_the_printed_command_serves_the_same(moved: tuple[Path, dict[str, Any], str]) -> None:
    folder, answer, before = moved
    (server,) = answer["servers"]
    assert server["ready"] is True
    assert serve(folder, server["argv"], server["url"], "tiny-alpha:latest").split() == before.split()


def test_what_is_told_of_the_model(moved: tuple[Path, dict[str, Any], str]) -> None:
    _, answer, _ = moved
    (model,) = answer["models"]
    (form,) = model["forms"]
    assert (model["format"], model["quantisation"], model["context_tokens"]) == ("gguf", "F32", 1024)
    assert (model["context_limit"], model["at_once"]) == (2048, 2)
    assert form["same_file"] is True
    assert form["model"] == model["path"]
    assert "/blobs/sha256-" in form["model"]
    assert form["weight_bytes"] == model["weight_bytes"]
    assert form["cache_bytes"] == 1024 * 2 * 2 * 2 * 128 * 2, "tokens, slots, layers, heads, keys and values, bytes"
    assert form["need_bytes"] == form["weight_bytes"] + form["cache_bytes"] + form["work_bytes"]
    assert form["fits"] == "yes"


@pytest.mark.long
def test_and_back_to_ollama(tmp_path: Path) -> None:
    model = make_model(tmp_path / "bravo.gguf", TinyModel(tag="bravo", name="tiny-bravo"))
    flags = ("--model", str(model), "--alias", "tiny-bravo", "--ctx-size", "1024", "--parallel", "2")
    with llama_server(tmp_path, *flags) as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "the model is loaded")
        before = said(engine, "tiny-bravo")
        wanted = ("--engine", engine.url, "--to", "ollama", "--as", "unit", "--write", "files", "--json")
        ran = keepwell(tmp_path, "migrate", "prepare", *wanted)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    answer = json.loads(ran.stdout)
    (server,) = answer["servers"]
    assert answer["models"][0]["context_tokens"] == 512, "of one slot"
    program, needed = find_ollama()
    shim = tmp_path / "programs" / "ollama"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    shim.chmod(0o755)
    path = f"{shim.parent}:{os.environ['PATH']}"
    own = {"HOME": str(tmp_path), **needed}
    start = ["env", f"PATH={path}", *server["environment"], *server["argv"]]
    with running(start, own, server["url"], tmp_path / "ollama.log") as moved:
        eventually(lambda: moved.ask("/api/version")[0] == 200, PATIENCE, "Ollama answers")
        for argv in server["afterwards"]:
            made = ["env", f"PATH={path}", *argv]
            done = subprocess.run(
                made, cwd=tmp_path / "files", env={**os.environ, **own}, capture_output=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
        assert chat(moved, "tiny-bravo").split() == before.split()
