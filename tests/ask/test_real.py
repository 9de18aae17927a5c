"""Real engines with models that know nothing, through the real gateway and without it: the ranking is the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepwell.testing.tiny_model import TinyModel
from tests.engines.real import chat, give, make_model, ollama
from tests.gateway.processes import gateway, llama_server
from tests.support import free_port

pytestmark = pytest.mark.real
QUESTION = "why is it slow?"


@contextmanager
def llama(folder: Path) -> Iterator[int]:
    """A llama-server whose model counts; its port."""
    model = make_model(folder / "alpha.gguf", TinyModel(tag="alpha", name="tiny-alpha"))
    port = free_port()
    with llama_server(folder, model, port, "-c", "8192", name="tiny-alpha"):
        yield port


def ask(folder: Path, *words: str) -> dict[str, object]:
    """The answer of a new process that knows of nothing but the addresses named."""
    done = subprocess.run(
        [sys.executable, "-m", "keepwell", "ask", QUESTION, "--json", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=folder,
        env={**os.environ, "KEEPWELL_STATE": str(folder / "state")},
    )
    found: dict[str, object] = json.loads(done.stdout)
    assert found["exit_code"] == done.returncode
    return found


def is_left_to_the_ranking(found: dict[str, object]) -> bool:
    """No answer, a reason for it, and the diagnosis whole."""
    ranking = found["ranking"]
    assert isinstance(ranking, dict)
    return found["state"] == "fallback" and bool(found["why"]) and ranking["checks_made"] > 5 and not found["claims"]


def test_a_llama_server(tmp_path: Path) -> None:
    with llama(tmp_path) as port:
        found = ask(tmp_path, "--at", f"http://127.0.0.1:{port}")
    assert is_left_to_the_ranking(found)
    assert found["answering"]["model"] == "tiny-alpha"  # type: ignore[index]


@pytest.mark.long
def test_a_llama_server_behind_the_gateway(tmp_path: Path) -> None:
    with llama(tmp_path) as port, gateway(tmp_path, [("llamacpp", port)]) as served:
        found = json.loads(served.keepwell("ask", QUESTION, "--json").stdout)
        assert is_left_to_the_ranking(found)
        assert found["answering"]["model"] == "tiny-alpha"
        assert found["answering"]["where"] == f"the gateway at http://127.0.0.1:{served.port}"
        shown = served.keepwell("ask", QUESTION).stdout
        assert "tiny-alpha does not answer this" in shown
        assert "tokens" in shown


@pytest.mark.long
def test_an_ollama_keeps_what_it_has_in_memory(tmp_path: Path) -> None:
    model = make_model(tmp_path / "bravo.gguf", TinyModel(tag="bravo", name="tiny-bravo"))
    with ollama(tmp_path) as engine:
        give(engine, model, "tiny-bravo", num_thread=1, num_ctx=4096)
        unasked = ask(tmp_path, "--at", engine.url)
        assert unasked["state"] == "fallback"
        assert "nobody agreed" in str(unasked["why"])
        assert json.loads(engine.ask("/api/ps")[1])["models"] == []
        chat(engine, "tiny-bravo")
        found = ask(tmp_path, "--at", engine.url)
        assert is_left_to_the_ranking(found)
        assert [one["name"] for one in json.loads(engine.ask("/api/ps")[1])["models"]] == ["tiny-bravo:latest"]
