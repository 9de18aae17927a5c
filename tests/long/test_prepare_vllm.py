"""A real vLLM is started by the printed command, under the names that an Ollama had, and from vLLM back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.app.test_prepare_real import keepwell, said
from tests.engines.real import give, make_model, ollama, running
from tests.long.engines import find_vllm

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
#: Seconds for a start on a busy machine.
START_SECONDS = 400.0
#: What a vLLM on a processor needs beside: it is made for cards.
ON_A_PROCESSOR = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_HOST_IP": "127.0.0.1",
}


def test_to_vllm_and_what_it_tells_then(tmp_path: Path, folder: Path) -> None:
    model = make_model(tmp_path / "alpha.gguf", TinyModel(tag="alpha", name="tiny-alpha"))
    with ollama(tmp_path, OLLAMA_CONTEXT_LENGTH="1024") as engine:
        give(engine, model, "tiny-alpha")
        wanted = (f"tiny-alpha={folder}", "--engine", engine.url, "--to", "vllm", "--as", "unit", "--gpu", "8")
        ran = keepwell(tmp_path, "migrate", "prepare", *wanted, "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (server,) = json.loads(ran.stdout)["servers"]
    path = f"{find_vllm().parent}:{os.environ['PATH']}"
    start = ["env", f"PATH={path}", *server["environment"], *server["argv"]]
    with running(start, ON_A_PROCESSOR, server["url"], tmp_path / "vllm.log") as moved:
        eventually(lambda: moved.ask("/health")[0] == 200 or moved.process.poll() is not None, START_SECONDS, pause=0.5)
        assert moved.process.poll() is None, "\n".join(moved.lines()[-20:])
        assert said(moved, "tiny-alpha")
        assert said(moved, "tiny-alpha:latest") == said(moved, "tiny-alpha")
        back = keepwell(tmp_path, "migrate", "prepare", "tiny-alpha", "--engine", moved.url, "--to", "ollama", "--json")
    assert back.returncode in (0, 1), back.stdout + back.stderr
    (told,) = json.loads(back.stdout)["models"]
    assert (told["format"], told["path"], told["context_tokens"]) == ("safetensors", str(folder), 1024)
    assert told["forms"][0]["same_file"] is True
