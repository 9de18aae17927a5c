"""The real llama-server as a process: starts, answers what is known beforehand, fails as the program does."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import PATIENCE, RealEngine, llama_server, make_model, running
from tests.support import free_port

pytestmark = pytest.mark.real

SHAPE = TinyModel(tag="delta", words=20, context_tokens=256)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file."""
    return make_model(tmp_path_factory.mktemp("model") / "delta.gguf", SHAPE)


def ready(engine: RealEngine) -> None:
    """Wait for the model."""
    eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "the model is loaded")


def test_every_answer_is_known(model: Path, tmp_path: Path) -> None:
    with llama_server(tmp_path, str(model), "--alias", "tiny-delta") as engine:
        ready(engine)
        for temperature in (0.0, 1.0):
            body = {"messages": [{"role": "user", "content": "any words"}], "temperature": temperature}
            found = json.loads(engine.ask("/v1/chat/completions", body)[1])
            choice = found["choices"][0]
            assert (choice["message"]["content"], choice["finish_reason"]) == (SHAPE.answer(), "stop")
        assert found["model"] == "tiny-delta"
        assert any("listening on http://127.0.0.1:" in line for line in engine.lines()), "it logs to standard error"
        assert engine.ask("/metrics")[0] == 501
    assert engine.process.returncode == 0, "SIGTERM ends it in good order"


def test_variables_are_read_and_flags_come_first(model: Path, tmp_path: Path) -> None:
    environment = {"LLAMA_ARG_N_PARALLEL": "3", "LLAMA_ARG_CTX_SIZE": "9999", "LLAMA_ARG_ALIAS": "named"}
    with llama_server(tmp_path, str(model), "-c", "96", "--metrics", **environment) as engine:
        ready(engine)
        props = json.loads(engine.ask("/props")[1])
        assert (props["total_slots"], props["model_alias"]) == (3, "named")
        assert any("LLAMA_ARG_CTX_SIZE environment variable is set, but will be" in line for line in engine.lines())
        assert engine.ask("/metrics")[0] == 200


def test_a_held_port_ends_it(model: Path, tmp_path: Path) -> None:
    with llama_server(tmp_path, str(model)) as first:
        ready(first)
        port = first.url.rpartition(":")[2]
        argv = [sys.executable, "-m", "keepwell.testing.llama_server", str(model), "--port", port]
        with running(argv, {}, first.url, tmp_path / "second.log") as second:
            assert second.process.wait(PATIENCE) == 1
            assert any("couldn't bind HTTP server socket" in line for line in second.lines())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "a model is needed"),
        (("x.gguf", "--port", "abc"), 'error while handling argument "--port": stoi'),
        (("x.gguf", "--set", "nothing=1"), "no parameter nothing"),
    ],
)
def test_bad_flags_end_it(flags: tuple[str, ...], words: str, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "keepwell.testing.llama_server", *flags]
    with running(argv, {}, f"http://127.0.0.1:{free_port()}", tmp_path / "log") as engine:
        assert engine.process.wait(PATIENCE) == 1
        assert any(words in line for line in engine.lines())
