"""What was asked and answered: only of routes whose owner wishes it, without secrets, cut, and only for a time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from keepwell.app.operation import Caller
from keepwell.app.serving.recorded import show_request
from keepwell.core.errors import ConfigurationError
from keepwell.gateway.record.bodies import SWEEP_SECONDS, WAITING, Bodies
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.record.recorder import Recorder
from keepwell.store.bodies import BODIES_FILE, BODY_BYTES, KEPT, KeptBody, add_bodies, find_body
from keepwell.store.requests import RECORD_FILE, read_rows
from keepwell.testing.engine import FakeEngine
from tests.gateway.made import MODEL, Running, chat, gateway


def kept(running: Running, place: int) -> tuple[bytes, bytes]:
    found = running.told[place].bodies
    assert found is not None
    return found


async def test_only_routes_that_are_named_keep_anything_and_clients_notice_nothing() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        before = [await running.ask("/v1/chat/completions", chat(stream=stream)) for stream in (False, True)]
        assert [one.bodies for one in running.told] == [None, None]
        running.gate.bodies = frozenset({MODEL})
        after = [await running.ask("/v1/chat/completions", chat(stream=stream)) for stream in (False, True)]
        assert [one.body for one in before] == [one.body for one in after]
    asked, answered = kept(running, 2)
    assert (json.loads(asked), answered) == (chat(stream=False), after[0].body)
    asked, answered = kept(running, 3)
    assert json.loads(asked) == chat(stream=True)
    assert after[1].body.replace(b" ", b"") in answered.replace(b" ", b"") or b"[DONE]" in answered


async def test_what_is_large_is_cut() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        running.gate.bodies = frozenset({MODEL})
        await running.ask("/v1/chat/completions", chat(user="x" * (2 * BODY_BYTES)))
    assert len(kept(running, 0)[0]) == BODY_BYTES


def test_secrets_are_masked_and_the_rest_is_readable(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / RECORD_FILE)
    facts = Facts(7, time.monotonic())
    facts.route, facts.key, facts.ended = "m", "ada", facts.began
    secret = "sk-proj-" + "Ab3dEf6hIj9" * 4
    facts.bodies = f'{{"prompt": "the key is {secret} and my address is ada@example.org"}}'.encode(), b"\xff well"
    recorder.put(facts)
    recorder.close()
    found = find_body(tmp_path / BODIES_FILE, 7)
    assert found is not None
    assert (found.route, found.key) == ("m", "ada")
    assert "the key is" in found.asked
    assert secret not in found.asked
    assert "ada@example.org" not in found.asked
    assert found.answered.endswith(" well")
    content = b"".join(one.read_bytes() for one in (tmp_path / "gateway").iterdir())
    assert secret.encode() not in content
    assert (tmp_path / BODIES_FILE).stat().st_mode & 0o777 == 0o600
    assert b"the key is" not in (tmp_path / RECORD_FILE).read_bytes()
    report = show_request(Caller(state=tmp_path), 7)
    assert report.body == found
    with pytest.raises(ConfigurationError, match="not kept"):
        show_request(Caller(state=tmp_path), 8)


def test_old_ones_go_by_themselves(tmp_path: Path) -> None:
    path, now = tmp_path / "bodies.db", time.time()

    def made(number: int, at: float) -> KeptBody:
        return KeptBody(id=number, at=at, route="m", key="", asked="q" * 50, answered="a")

    add_bodies(path, [made(1, now - 100), made(2, now)], oldest=now - 1000)
    bodies = Bodies(path)
    bodies.seconds = 50
    assert bodies.is_due(now)
    bodies.write()
    assert find_body(path, 1) is None
    assert find_body(path, 2) is not None
    assert not bodies.is_due(now + SWEEP_SECONDS / 2)
    add_bodies(path, [made(2 + KEPT, now)], oldest=0)
    assert find_body(path, 2) is None, "beyond the number that is kept"


def test_what_cannot_be_kept_is_counted_and_the_row_is_there(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / BODIES_FILE).mkdir()
    recorder = Recorder(tmp_path / RECORD_FILE)
    for number in range(WAITING + 5):
        facts = Facts(number, 10.0)
        facts.ended, facts.bodies = 10.0, (b"q", b"a")
        recorder.put(facts)
    recorder.close()
    assert recorder.bodies.lost == WAITING + 5
    assert len(read_rows(tmp_path / RECORD_FILE, last=5000)) == WAITING + 5
