"""A running gateway by its keepwell.toml: several addresses, routes, services behind it, and changes while it runs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from keepwell.testing.waiting import eventually
from tests.gateway.made import Answered
from tests.gateway.processes import Gateway, ask, fake_engine, started
from tests.support import free_port

TOP = """
[gateway]
listen = ["127.0.0.1:{one}", "127.0.0.1:{two}"]
offer = "routes"

[[engine]]
kind = "vllm"
url = "http://127.0.0.1:{engine}"
name = "big"

[[service]]
name = "other"
url = "http://127.0.0.1:{service}"
prefix = "/behind"

[[route]]
name = "chat"
aliases = ["gpt-*"]
model = ["no-such-model", "tiny-alpha"]
engines = "big"
"""
RESERVED = """
[[reservation]]
engines = "big"
keys = "night"
from = 2020-01-01T00:00:00
to = 2100-01-01T00:00:00
why = "the nightly run"
"""


@contextmanager
def configured(folder: Path) -> Iterator[tuple[Gateway, int, str]]:
    """A gateway with one engine and one service; its second port, and its configuration's text."""
    engine, service, one, two = (free_port() for _ in range(4))
    text = TOP.format(engine=engine, service=service, one=one, two=two)
    config, log, state = folder / "keepwell.toml", folder / "gateway.log", folder / "state"
    config.write_text(text)
    log.write_text("")
    argv = ["-m", "keepwell", "gateway", "--declared", "--config", str(config)]
    with ExitStack() as stack:
        for port in (engine, service):
            stack.enter_context(fake_engine(folder, port))
        process = stack.enter_context(started(argv, log, {"KEEPWELL_STATE": str(state)}))
        eventually(lambda: log.read_text().count("listening on") == 2, 60, "the gateway to listen")
        yield Gateway(process, one, state, log, config, (engine,)), two, text


def get(port: int, path: str, model: str = "") -> Answered:
    """One request."""
    body = b""
    if model:
        body = json.dumps({"model": model, "messages": [], "max_tokens": 2}).encode()
    return asyncio.run(ask(port, path, body))


def replace_text(path: Path, text: str) -> None:
    """As editors do it: whole or not at all."""
    made = path.with_suffix(".new")
    made.write_text(text)
    os.replace(made, path)


@pytest.mark.long
def test_it_does_what_its_file_says_and_follows_it(tmp_path: Path) -> None:
    with configured(tmp_path) as (made, second, text):
        for port in (made.port, second):
            answer = get(port, "/v1/chat/completions", "gpt-anything")
            assert (answer.status, answer.headers["x-keepwell-model"]) == (200, "tiny-alpha")
        assert get(made.port, "/v1/chat/completions", "tiny-alpha").status == 404
        assert get(made.port, "/behind/v1/completions", "tiny-alpha").headers["x-keepwell-replica"] == "service other"
        told = json.loads(made.keepwell("route", "gpt-4o", "--json").stdout)
        assert (told["route"], told["how"]) == ("chat", "it fits gpt-*")
        assert [row["model"] for row in told["candidates"]["openai"] if row["chosen"]] == ["tiny-alpha"]

        replace_text(made.config, text.replace('aliases = ["gpt-*"]', 'aliases = ["o-*"]\npolicy = "luck"'))
        eventually(lambda: "what was changed is not used" in made.log.read_text(), 20, "it is told")
        assert "did you mean" in made.log.read_text() or "is not known" in made.log.read_text()
        assert get(made.port, "/v1/chat/completions", "gpt-anything").status == 200

        replace_text(made.config, text.replace('aliases = ["gpt-*"]', 'aliases = ["o-*"]\nwaiting = 0') + RESERVED)
        eventually(lambda: get(made.port, "/v1/chat/completions", "gpt-anything").status == 404, 30, "it is read again")

        def reserved() -> bool:
            return "reserved for night" in made.keepwell("route", "o-1").stdout

        eventually(reserved, 20, "it is reserved")
        done = made.keepwell("route", "o-1", "--key", "night", "--json")
        assert done.returncode == 0
        refused = get(made.port, "/v1/chat/completions", "o-1")
        assert refused.status in (429, 503)
        assert int(refused.headers["retry-after"]) > 3600
