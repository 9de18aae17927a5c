"""A client that leaves while a real Ollama loads its model: with the gateway the load goes on, else it is lost."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import PATIENCE, RealEngine, give, make_model, ollama
from tests.gateway.processes import gateway

pytestmark = [pytest.mark.real, pytest.mark.long]
#: Large enough that a client can leave before it is loaded.
LARGE = TinyModel(tag="alpha", words=32, layers=8, width=768, feed=3072, heads=12, key_heads=12, half=True)


def ask_and_leave(port: int, engine: RealEngine, loads: int) -> None:
    """A client that leaves as soon as Ollama's log says that it loads."""
    body = json.dumps({"model": "tiny-alpha", "prompt": "count", "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(
            b"POST /api/generate HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        eventually(lambda: count(engine, "starting llama server") == loads, PATIENCE, "a load")


def count(engine: RealEngine, words: str) -> int:
    return sum(words in line for line in engine.lines())


def test_a_load_is_not_lost_with_its_client(tmp_path: Path) -> None:
    model = make_model(tmp_path / "large.gguf", LARGE)
    with ollama(tmp_path, OLLAMA_DEBUG="1") as engine:
        give(engine, model, "tiny-alpha", num_thread=1)
        port = int(engine.url.rpartition(":")[2])
        ask_and_leave(port, engine, 1)
        eventually(lambda: count(engine, "aborting load") == 1, PATIENCE, "the load to be lost")
        with gateway(tmp_path, [("ollama", port)]) as running:
            ask_and_leave(running.port, engine, 2)
            eventually(lambda: count(engine, "llama runner started") == 1, PATIENCE, "the model in memory")
        assert count(engine, "aborting load") == 1
        assert count(engine, "starting llama server") == 2
