"""What the official clients read in the gateway's lists: models of llama.cpp and Ollama, each in the other's format."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ollama
import openai
import pytest

from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines import real
from tests.gateway.processes import gateway, llama_server
from tests.support import free_port

pytestmark = pytest.mark.real
CONTEXT = 2048


@dataclass
class Running:
    """Clients of a gateway before three engines, and where it is asked."""

    openai: openai.OpenAI
    ollama: ollama.Client
    url: str
    alpha: Path

    def get(self, path: str, *more: str) -> Any:
        """What curl reads there."""
        argv = [str(shutil.which("curl")), "-sS", "--noproxy", "*", *more, self.url + path]
        return json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=20).stdout)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """llama-servers with tiny-alpha and tiny-embed, an Ollama with tiny-bravo, and the gateway before them."""
    folder = tmp_path_factory.mktemp("lists")
    alpha = real.make_model(folder / "alpha.gguf", TinyModel(tag="alpha", name="tiny-alpha"))
    embed = real.make_model(folder / "embed.gguf", TinyModel(tag="echo", name="tiny-embed"))
    bravo = real.make_model(folder / "bravo.gguf", TinyModel(tag="bravo", name="tiny-bravo"))
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        stack.enter_context(llama_server(folder, alpha, ports[0], "-np", "2", "-c", str(2 * CONTEXT)))
        stack.enter_context(llama_server(folder, embed, ports[1], "--embeddings", "--set", "pooling_type=1"))
        store = folder / "ollama"
        store.mkdir()
        engine = stack.enter_context(real.ollama(store))
        real.give(engine, bravo, "tiny-bravo", num_ctx=1024, num_thread=1)
        engines = [("llamacpp", one) for one in ports] + [("ollama", int(engine.url.rpartition(":")[2]))]
        made = stack.enter_context(gateway(folder, engines))
        url = f"http://127.0.0.1:{made.port}"
        running = Running(
            stack.enter_context(openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0, timeout=30)),
            stack.enter_context(ollama.Client(host=url, timeout=30)),
            url,
            alpha,
        )
        eventually(lambda: len(running.ollama.list().models) == 3, 30, "all models are listed")
        yield running


def test_ollama_lists_models_that_no_ollama_has(running: Running) -> None:
    rows = {str(one.model): one for one in running.ollama.list().models}
    assert sorted(rows) == ["tiny-alpha", "tiny-bravo", "tiny-embed"]
    alpha, bravo = rows["tiny-alpha"], rows["tiny-bravo"]
    assert alpha.details is not None
    assert (alpha.details.format, alpha.details.family, alpha.details.quantization_level) == ("gguf", "llama", "F32")
    assert alpha.details.families == ["llama"]
    assert alpha.details.parameter_size == "1.58M"
    assert 0 < (alpha.size or 0) <= running.alpha.stat().st_size
    assert bravo.details is not None
    assert (bravo.details.format, bravo.details.family, bravo.details.parameter_size) == ("gguf", "llama", "1.58M")
    assert len(alpha.digest or "") == len(bravo.digest or "") == 64
    assert alpha.digest != rows["tiny-embed"].digest
    assert bravo.modified_at is not None
    assert abs((datetime.now(UTC) - bravo.modified_at).total_seconds()) < 3600
    assert alpha.modified_at is not None
    assert abs(alpha.modified_at.timestamp() - running.alpha.stat().st_mtime) < 1
    again = {str(one.model): one.digest for one in running.ollama.list().models}
    assert again == {name: one.digest for name, one in rows.items()}


def test_ollama_is_told_what_lies_in_the_memory_of_others(running: Running) -> None:
    rows = {str(one.model): one for one in running.ollama.ps().models}
    assert {"tiny-alpha", "tiny-embed"} <= set(rows)
    alpha = rows["tiny-alpha"]
    assert (alpha.name, alpha.context_length) == ("tiny-alpha", CONTEXT)
    assert alpha.expires_at is not None
    assert alpha.expires_at.year > 2300
    assert alpha.size_vram is None, "llama.cpp does not tell it"


def test_ollama_is_shown_models_of_others(running: Running) -> None:
    alpha = running.ollama.show("tiny-alpha")
    assert alpha.modelinfo is not None
    assert alpha.modelinfo["general.architecture"] == "llama"
    assert alpha.modelinfo["llama.context_length"] == CONTEXT
    assert alpha.modelinfo["llama.embedding_length"] == 256
    assert alpha.capabilities == ["completion"]
    assert alpha.template == ""
    assert f"PARAMETER num_ctx {CONTEXT}" in (alpha.modelfile or "")
    assert (alpha.parameters or "").split() == ["num_ctx", str(CONTEXT)]
    assert running.ollama.show("tiny-embed").capabilities == ["embedding"]
    assert running.ollama.show("tiny-alpha:latest").details == alpha.details
    native = running.ollama.show("tiny-bravo")
    assert native.template, "Ollama describes its own"
    with pytest.raises(ollama.ResponseError) as caught:
        running.ollama.show("nothing-like-it")
    assert caught.value.status_code == 404


def test_ollamas_own_command_reads_all_of_it(running: Running, tmp_path: Path) -> None:
    """It cuts digests at twelve characters, and takes a time in the past for the end of a model."""
    program, needed = real.find_ollama()
    env = {**os.environ, **needed, "HOME": str(tmp_path), "OLLAMA_HOST": running.url}
    said = {}
    for words in (("list",), ("ps",), ("show", "tiny-alpha")):
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=30, env=env)
        assert done.returncode == 0, done.stderr
        said[words[0]] = done.stdout
    assert {line.split()[0] for line in said["list"].splitlines()[1:]} == {"tiny-alpha", "tiny-bravo", "tiny-embed"}
    (row,) = (line for line in said["ps"].splitlines() if line.startswith("tiny-alpha"))
    assert "Forever" in row
    assert "Stopping" not in said["ps"]
    assert re.search(r"context length +2048", said["show"])
    assert re.search(r"architecture +llama", said["show"])
    assert re.search(r"Capabilities\s+completion", said["show"])


def test_openai_lists_models_of_ollama(running: Running) -> None:
    rows = {one.id: one for one in running.openai.models.list()}
    assert sorted(rows) == ["tiny-alpha", "tiny-bravo", "tiny-embed"]
    bravo = rows["tiny-bravo"]
    assert (bravo.object, bravo.owned_by) == ("model", "library")
    assert abs(bravo.created - datetime.now(UTC).timestamp()) < 3600
    assert running.openai.models.retrieve("tiny-bravo") == bravo
    told = running.get("/v1/models/tiny-bravo")
    assert told["max_model_len"] == told["meta"]["n_ctx"] == 1024
    assert (told["meta"]["n_ctx_train"], told["meta"]["n_embd"]) == (2048, 256)
    alpha = running.get("/v1/models/tiny-alpha")
    assert (alpha["owned_by"], alpha["max_model_len"], alpha["meta"]["n_params"]) == ("llamacpp", CONTEXT, 1579264)


def test_an_embedding_of_nothing_loads(running: Running) -> None:
    assert running.ollama.embed("tiny-embed", "").embeddings == []
    assert running.ollama.embed("tiny-bravo", "").embeddings == []


def test_embeddings_cross_over(running: Running) -> None:
    """Ollama's client to llama.cpp, and the OpenAI client (which asks for base64) to Ollama: the same vectors."""
    crossed = running.ollama.embed("tiny-embed", ["one", "two"])
    native = running.openai.embeddings.create(model="tiny-embed", input=["one", "two"])
    for made, wanted in zip(crossed.embeddings, native.data, strict=True):
        assert math.dist(made, wanted.embedding) < 1e-6
        assert math.isclose(math.hypot(*made), 1, abs_tol=1e-5)
    assert (crossed.model, crossed.prompt_eval_count) == ("tiny-embed", native.usage.prompt_tokens)
    assert (crossed.total_duration or 0) > 0
    old = running.ollama.embeddings("tiny-embed", "one")
    assert math.dist(old.embedding, native.data[0].embedding) < 1e-6
    short = running.ollama.embed("tiny-embed", "one", dimensions=16)
    assert len(short.embeddings[0]) == 16
    assert math.isclose(math.hypot(*short.embeddings[0]), 1, abs_tol=1e-5)
