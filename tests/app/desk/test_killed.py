"""kill -9 of the desk and of the gateway while a batch of a real engine runs: each line is answered once, rightly."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import openai
import pytest

from keepwell.gateway.door import load_plates
from keepwell.store.keys import Key, add_key, digest_secret
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines import real
from tests.gateway.processes import llama_server, started
from tests.support import free_port

#: Lines of the batch, kills, and words of an answer.
LINES, KILLS, WORDS = 200, 12, 6
ENDED = ("completed", "failed", "expired", "cancelled")


def find_desk(state: Path) -> int:
    """The desk's process, 0 between two."""
    try:
        found = int((state / "desk" / "lock").read_text() or 0)
        command = Path(f"/proc/{found}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return found * (b"desk.process" in command)


def find_plane(state: Path) -> int:
    """The gateway's process that serves, 0 between two."""
    return next((one.pid for one in reversed(load_plates(state))), 0)


def make_lines() -> bytes:
    """Chats whose answers are known."""
    body = {"model": "tiny-alpha", "messages": [{"role": "user", "content": "count"}], "max_tokens": WORDS}
    url = "/v1/chat/completions"
    rows = [{"custom_id": f"r{one}", "method": "POST", "url": url, "body": body} for one in range(LINES)]
    return "\n".join(map(json.dumps, rows)).encode()


@pytest.mark.long
@pytest.mark.real
@pytest.mark.timeout(900)
def test_each_line_is_answered_once_whatever_is_killed(tmp_path: Path) -> None:
    model = real.make_model(tmp_path / "alpha.gguf", TinyModel(tag="alpha", name="tiny-alpha"))
    state, engine, port = tmp_path / "state", free_port(), free_port()
    state.mkdir(mode=0o700)
    add_key(state, Key(name="ada", digest=digest_secret("kw-ada")))
    config, log = tmp_path / "keepwell.toml", tmp_path / "up.log"
    config.write_text(f'[[engine]]\nkind = "llamacpp"\nurl = "http://127.0.0.1:{engine}"\n')
    log.write_text("")
    argv = ["-m", "keepwell", "up", "--listen", f"127.0.0.1:{port}", "--declared", "--config", str(config)]
    chance, killed = random.Random(7), 0
    with (
        llama_server(tmp_path, model, engine, "-np", "2"),
        started(argv, log, {"KEEPWELL_STATE": str(state)}),
        openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="kw-ada", max_retries=9, timeout=60) as client,
    ):
        eventually(lambda: "listening on" in log.read_text(), 120, "the gateway to listen")
        made = client.files.create(file=("in.jsonl", make_lines()), purpose="batch")
        batch = client.batches.create(input_file_id=made.id, endpoint="/v1/chat/completions", completion_window="24h")
        while killed < KILLS:
            victim = chance.choice([find_desk, find_plane])
            eventually(lambda: victim(state), 60, "the next victim")  # noqa: B023
            wished = count(client, batch.id) + chance.randrange(1, 12)
            eventually(lambda: count(client, batch.id) >= min(wished, LINES), 120, "some work")  # noqa: B023
            found = victim(state)
            if count(client, batch.id) == LINES:
                break
            if found:
                os.kill(found, signal.SIGKILL)
                killed += 1
        eventually(lambda: client.batches.retrieve(batch.id).status in ENDED, 400, "the batch to end")
        done = client.batches.retrieve(batch.id)
        assert done.output_file_id is not None, (done, log.read_text())
        rows = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
    wished = " ".join(["alpha", *(f"{one:04d}" for one in range(1, WORDS))])
    said = [one["response"]["body"]["choices"][0]["message"]["content"].strip() for one in rows]
    assert (done.status, done.error_file_id, len(rows)) == ("completed", None, LINES)
    assert {one["custom_id"] for one in rows} == {f"r{one}" for one in range(LINES)}
    assert set(said) == {wished}
    assert killed >= 4
    print(f"{killed} kills, {LINES} lines")


def count(client: openai.OpenAI, batch: str) -> int:
    """Lines that are answered."""
    found = client.batches.retrieve(batch).request_counts
    if found is None:
        return 0
    return found.completed
