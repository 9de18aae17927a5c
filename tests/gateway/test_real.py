"""`keepwell gateway` over real llama.cpp servers whose every answer is known: nothing lost, in order, by whom."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from keepwell.testing.tiny_model import TinyModel, write_tiny_model
from keepwell.testing.waiting import eventually
from tests.gateway.made import Answered, read_answer
from tests.support import free_port

pytest.importorskip("xllamacpp")
#: Requests at once, and words of each answer.
CLIENTS, WORDS = 24, 40
EXPECTED = " ".join(["alpha", *(f"{number:04d}" for number in range(1, WORDS))])


@contextmanager
def started(*argv: str, log: Path, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *argv], stdout=out, stderr=out, env={**os.environ, "KEEPWELL_STATE": str(state)}
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def fleet(
    folder: Path, engines: list[int], command: str = "gateway"
) -> Iterator[tuple[int, list[subprocess.Popen[bytes]]]]:
    """Real engines on these ports and a gateway before them; its port."""
    model = folder / "alpha.gguf"
    write_tiny_model(model, TinyModel(tag="alpha", name="tiny-alpha"))
    port = free_port()
    config = folder / "keepwell.toml"
    rows = [f'[[engine]]\nkind = "llamacpp"\nurl = "http://127.0.0.1:{one}"\n' for one in engines]
    config.write_text("\n".join(rows))
    with ExitStack() as stack:
        servers = []
        for one in engines:
            argv = ("keepwell.testing.llama_server", "-m", str(model), "--port", str(one), "-t", "1", "-np", "4")
            log = folder / f"{one}.log"
            servers.append(stack.enter_context(started(*argv, "-a", "tiny-alpha", log=log, state=folder)))
        for one in engines:
            eventually(lambda one=one: "listening" in (folder / f"{one}.log").read_text(), 30, f"{one} to listen")
        argv = ("keepwell", command, "--listen", f"127.0.0.1:{port}", "--declared", "--config", str(config))
        log = folder / "gateway.log"
        stack.enter_context(started(*argv, log=log, state=folder / "state"))
        eventually(lambda: "listening" in log.read_text(), 30, "the gateway to listen")
        yield port, servers


async def ask(port: int, path: str, body: object) -> Answered:
    """One request."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {len(content)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode() + content)
        async with asyncio.timeout(60):
            return read_answer(await reader.read())
    finally:
        writer.close()


def spoken(answer: Answered) -> str:
    """The words of an answer, streamed or not."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return str(answer.data["choices"][0]["text"]).strip()
    rows = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: {")]
    return "".join(row["choices"][0]["text"] for row in rows if row.get("choices")).strip()


def test_many_at_once_are_whole_and_in_order_while_an_engine_is_killed(tmp_path: Path) -> None:
    async def check(port: int, victim: subprocess.Popen[bytes]) -> list[Answered]:
        body = {"model": "tiny-alpha", "prompt": "count", "max_tokens": WORDS}
        before = [asyncio.create_task(ask(port, "/v1/completions", body)) for _ in range(CLIENTS)]
        await before[0]
        victim.kill()
        after = [asyncio.create_task(ask(port, "/v1/completions", {**body, "stream": True})) for _ in range(CLIENTS)]
        return await asyncio.gather(*before, *after)

    engines = [free_port(), free_port()]
    with fleet(tmp_path, engines) as (port, servers):
        answers = asyncio.run(check(port, servers[0]))
    assert [one.body for one in answers if one.status != 200] == []
    whole = [one for one in answers if one.whole and b'"error"' not in one.body]
    assert {spoken(one) for one in whole} == {EXPECTED}
    assert len(whole) == len(answers), "no byte was sent before the killed engine's answer was whole"
    assert {one.headers["x-keepwell-asked"] for one in answers} == {"tiny-alpha"}
    assert {one.headers["x-keepwell-model"] for one in answers} == {"tiny-alpha"}
    assert all(str(engines[1]) in one.headers["x-keepwell-replica"] for one in answers[CLIENTS:])


def test_an_address_that_is_open_to_others_needs_a_key(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "keepwell", "gateway", "--listen", "0.0.0.0:4000"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "KEEPWELL_STATE": str(tmp_path)},
    )
    assert done.returncode == 3
    assert "there is no key" in done.stderr


def test_up_tells_how_the_machine_stands_and_serves(tmp_path: Path) -> None:
    async def check(port: int) -> Answered:
        return await ask(port, "/v1/completions", {"model": "tiny-alpha", "prompt": "count", "max_tokens": WORDS})

    engine = free_port()
    with fleet(tmp_path, [engine], command="up") as (port, _):
        assert spoken(asyncio.run(check(port))) == EXPECTED
        told = (tmp_path / "gateway.log").read_text()
    assert f"http://127.0.0.1:{engine}  well" in told
    assert "1 models on 1 engines" in told or "1 model" in told


@pytest.mark.long
def test_an_engine_that_is_started_later_is_found(tmp_path: Path) -> None:
    model = tmp_path / "late.gguf"
    write_tiny_model(model, TinyModel(tag="late", name="tiny-late"))
    port, engine = free_port(), free_port()
    log = tmp_path / "gateway.log"
    late = ("keepwell.testing.llama_server", "-m", str(model), "--port", str(engine), "-t", "1", "-a", "tiny-late")
    body = {"model": "tiny-late", "prompt": "count", "max_tokens": 3}
    with started("keepwell", "gateway", "--listen", f"127.0.0.1:{port}", log=log, state=tmp_path / "state"):
        eventually(lambda: "listening" in log.read_text(), 30, "the gateway to listen")
        assert asyncio.run(ask(port, "/v1/completions", body)).status == 404
        with started(*late, log=tmp_path / "late.log", state=tmp_path):
            eventually(lambda: asyncio.run(ask(port, "/v1/completions", body)).status == 200, 60, "it to be found")
