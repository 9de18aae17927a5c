"""The whole of `keepwell up` beside real engines: surveys, collectors and questions together wake and keep nothing."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.app.hub.test_up import LONG, going_up
from tests.engines.real import PATIENCE, REPOSITORY, RealEngine, chat, give, make_model, ollama, running, skip
from tests.support import eventually_async, free_port

pytestmark = [pytest.mark.real, pytest.mark.long]

PROGRAM = REPOSITORY / ".cache" / "engines" / "llama-server" / "llama-server"
#: Idle seconds after which models leave memory here: longer than `keepwell up` needs to look for the first time.
IDLE_SECONDS = 12


def start(stack: ExitStack, folder: Path, name: str, *flags: str) -> RealEngine:
    """A llama-server with these flags, ready."""
    port = free_port()
    argv = [str(PROGRAM), "--port", str(port), "--host", "127.0.0.1", "-t", "1", "-c", "512", "--metrics", *flags]
    engine = stack.enter_context(running(argv, {}, f"http://127.0.0.1:{port}", folder / f"{name}.log"))
    eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "llama-server answers")
    return engine


async def test_models_leave_memory_on_time_with_all_of_keepwell_running(tmp_path: Path) -> None:
    if not PROGRAM.exists():
        skip("no real llama-server program: scripts/setup_engines.py builds one")
    folder = tmp_path / "models"
    folder.mkdir()
    model = make_model(folder / "alpha.gguf", TinyModel(tag="alpha", words=32))
    with ExitStack() as stack:
        router = start(stack, tmp_path, "router", "--models-dir", str(folder))
        sleeper = start(stack, tmp_path, "sleeper", "-m", str(model), "--sleep-idle-seconds", str(IDLE_SECONDS))
        own = stack.enter_context(ollama(tmp_path, OLLAMA_KEEP_ALIVE=f"{IDLE_SECONDS}s"))
        give(own, model, "tiny-alpha")
        async with going_up(tmp_path) as up:
            door = int((await up.hub()).url.rpartition(":")[2])

            def series(metric: str) -> list[dict[str, object]]:
                found: list[dict[str, object]] = json.loads(up.ask(door, f"/api/v1/series?metric={metric}")[1])[
                    "series"
                ]
                return found

            async def watched() -> bool:
                return len(await asyncio.to_thread(series, "engine.models_loaded")) == 2

            await eventually_async(watched, LONG, "the hub asks the router and Ollama")
            sleeper.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2})
            chat(own, "tiny-alpha")

            async def all_left() -> bool:
                props = json.loads(sleeper.ask("/props")[1])
                loaded = json.loads(own.ask("/api/ps")[1])["models"]
                return props["is_sleeping"] is True and not loaded

            await eventually_async(all_left, 3 * IDLE_SECONDS, "models leave memory although keepwell looks on")
            rows = json.loads(router.ask("/models")[1])["data"]
            assert [row["status"]["value"] for row in rows] == ["unloaded"]
