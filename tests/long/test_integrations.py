"""LangChain's and LlamaIndex's clients of OpenAI and Ollama through the gateway, unchanged: each before an engine that
speaks its format, and before one that does not.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.real import skip
from tests.matrix.fleet import Fleet, make_fleet
from tests.support import REPOSITORY

pytestmark = [pytest.mark.long, pytest.mark.real, pytest.mark.timeout(900)]
PYTHON = REPOSITORY / ".cache" / "integrations" / "bin" / "python"
CALLS = [["weather", {"city": "Paris"}], ["hour", {"zone": "CET"}]]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """See `make_fleet`."""
    if not (PYTHON.parents[1] / "ready").exists():
        skip("LangChain and LlamaIndex are not set up: run scripts/setup_integrations.py")
    with make_fleet(tmp_path_factory.mktemp("integrations")) as made:
        yield made


@pytest.mark.parametrize("engine", ["ollama", "llamacpp"])
def test_langchain(fleet: Fleet, engine: str, tmp_path: Path) -> None:
    said = run(fleet, "langchain_asks.py", engine, tmp_path)
    for client in ("openai", "ollama"):
        got = said[client]
        assert_counts(got["whole"], client, engine)
        assert got["tokens"] >= 6
        assert_counts(got["stream"], client, engine)
        assert got["pieces"] >= 5
        assert got["calls"] == CALLS
        assert_counts(got["after"], client, engine)
    assert said["ollama-generate"].strip() == counted(engine)
    assert said["openai-vectors"] == said["ollama-vectors"] == [sizes(engine), 2]


@pytest.mark.parametrize("engine", ["ollama", "llamacpp"])
def test_llamaindex(fleet: Fleet, engine: str, tmp_path: Path) -> None:
    said = run(fleet, "llamaindex_asks.py", engine, tmp_path)
    for client in ("openai", "ollama"):
        got = said[client]
        for one in ("whole", "stream", "complete"):
            assert_counts(got[one], client, engine)
        assert got["pieces"] >= 5
        assert got["calls"] == CALLS
    assert said["openai-vectors"] == said["ollama-vectors"] == [sizes(engine), 2]


def assert_counts(text: str, client: str, engine: str) -> None:
    """The answer of six tokens; Ollama 0.9.3 does not know `max_completion_tokens`, which clients of OpenAI send, and
    goes on.
    """
    if (client, engine) == ("openai", "ollama"):
        text = text.strip()[: len(counted(engine))]
    assert text.strip() == counted(engine)


def counted(engine: str) -> str:
    """The answer of six tokens."""
    return {"ollama": "bravo", "llamacpp": "alpha"}[engine] + " 0001 0002 0003 0004 0005"


def sizes(engine: str) -> int:
    """Numbers in a vector of the model there."""
    return {"ollama": 256, "llamacpp": 32}[engine]


def run(fleet: Fleet, script: str, engine: str, folder: Path) -> dict[str, Any]:
    """What the program says, in the environment of the frameworks, without anything that leads out of this machine."""
    served = fleet.engines[engine]
    argv = [str(PYTHON), str(REPOSITORY / "tests" / "long" / "integrations" / script)]
    argv += [f"http://127.0.0.1:{fleet.made.port}", served.counts, served.calls, served.vectors]
    env = {**os.environ, "HOME": str(folder), "LANGSMITH_TRACING": "false", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said
