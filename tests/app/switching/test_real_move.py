"""A move from a real Ollama to a real llama-server under load: its clients go on in Ollama's own format, and not one
request fails, also when Ollama is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from keepwell.testing.tiny_model import TinyModel
from tests.engines.real import give, make_model, ollama
from tests.gateway.made import Answered
from tests.gateway.processes import Gateway, Load, gateway, llama_server
from tests.support import eventually_async, free_port

pytest.importorskip("xllamacpp")
pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(900)]
OLD, NEW = "tiny-alpha", "moved-alpha"
#: Words of each answer, clients at once, and requests that the move has to see.
WORDS, CLIENTS, REQUESTS = 12, 3, 200
SPOKEN = " ".join(["alpha", *(f"{number:04d}" for number in range(1, WORDS))])


def render_body(words: int = WORDS) -> bytes:
    """What an Ollama client asks."""
    messages = [{"role": "user", "content": "count"}]
    options = {"num_predict": words, "num_thread": 1, "temperature": 0}
    return json.dumps({"model": OLD, "messages": messages, "stream": True, "options": options}).encode()


def judge(answer: Answered) -> str:
    """By which engine it was answered, if it is whole and in Ollama's format."""
    try:
        rows: list[dict[str, Any]] = [json.loads(line) for line in answer.body.splitlines() if line.strip()]
    except ValueError:
        return f"{answer.status}: {answer.body[:300]!r}"
    said = "".join(row.get("message", {}).get("content", "") for row in rows).strip()
    if answer.status != 200 or said != SPOKEN or rows[-1].get("done") is not True or rows[-1]["eval_count"] != WORDS:
        return f"{answer.status}: {answer.body[:500]!r}"
    return answer.headers["x-keepwell-replica"].partition("/")[2]


async def run(one: Gateway, *words: str) -> dict[str, Any]:
    """What a command that went well says."""
    done = await one.run("migrate", *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_an_ollamas_clients_move_to_a_llama_server_under_load_and_notice_nothing(tmp_path: Path) -> None:
    model = make_model(tmp_path / "alpha.gguf", TinyModel(tag="alpha", name=OLD))
    port = free_port()
    with ollama(tmp_path) as engine, llama_server(tmp_path, model, port, "-np", "2", name=NEW):
        give(engine, model, OLD, num_thread=1)
        engines = [("ollama", int(engine.url.rpartition(":")[2])), ("llamacpp", port)]
        with gateway(tmp_path, engines) as running:
            outcomes, report = asyncio.run(move(running, engine.process.pid))
    print(json.dumps({"outcomes": dict(outcomes), **report}, indent=1))
    old, new = outcomes.pop("ollama", 0) + outcomes.pop(f"ollama:{engines[0][1]}", 0), outcomes.pop(f"llamacpp:{port}")
    assert not outcomes, outcomes
    assert min(old, new) > 20
    assert old + new >= REQUESTS


async def move(running: Gateway, victim: int) -> tuple[Counter[str], dict[str, Any]]:
    """Rehearse, move by steps, end the old engine, go on; all of it while clients ask."""
    load = Load(running.port, judge, pause_seconds=0.02)
    found: dict[str, Any] = {}

    async def act() -> None:
        async def asked() -> bool:
            return load.outcomes.total() >= 40

        await eventually_async(asked, 120, "requests before the move")
        file = running.state / "asked.jsonl"
        row = {"path": "/api/chat", "body": json.loads(render_body())}
        file.write_text("\n".join(json.dumps(row) for _ in range(8)))
        rehearsal = await run(
            running, "rehearse", "--from", OLD, "--to", NEW, "--requests", str(file), "--allow", "ttft=5s"
        )
        found["rehearsal"] = {one["name"]: f"{one['said']}: {one['found']}" for one in rehearsal["rules"]}
        assert rehearsal["second"]["translated"], rehearsal
        assert {one["likeness"] for one in rehearsal["texts"]} == {"equal"}
        steps = ("--steps", "5,25,50,100", "--hold", "3s", "--least", "5", "--allow", "ttft=5s,tpot=5s")
        moved = await run(running, "switch", OLD, "--to", NEW, *steps)
        found["switch"] = [
            f"{one['share']:.0%}: {one['requests']} moved, {one['failed']} failed" for one in moved["steps"]
        ]
        os.kill(victim, signal.SIGKILL)
        before = load.outcomes.total()

        async def later() -> bool:
            return load.outcomes.total() >= max(before + 60, REQUESTS)

        await eventually_async(later, 120, "requests after the old engine's end")

    clients = [asyncio.create_task(load.keep_asking(render_body(), "/api/chat")) for _ in range(CLIENTS)]
    try:
        await act()
    finally:
        load.stop = True
        await asyncio.gather(*clients)
    return load.outcomes, found
