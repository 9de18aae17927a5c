"""What an asker does to memory: it leaves what was there, and unloads what it had loaded, unless others want it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from keepwell.app.smoke.asker import EVER_SECONDS, KEEP_SECONDS, SLACK_SECONDS, Asker, read_answer
from keepwell.plugins.chat import ChatAsk
from keepwell.plugins.engine import LoadedModel
from keepwell.testing.clock import START, FakeClock
from keepwell.transport.base import Reply
from keepwell.transport.local import LocalTransport
from tests.engines.kit import plug_in, site_of


@dataclass
class Memory(Asker):
    """An asker whose engine's memory is given, and whose requests are kept and answered."""

    held: list[LoadedModel] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(
            site_of("ollama", "http://127.0.0.1:1"), plug_in("ollama"), LocalTransport("node"), FakeClock(START)
        )

    async def list_loaded(self) -> tuple[LoadedModel, ...]:
        self._tells = True
        return tuple(self.held)


def model(stays: float) -> LoadedModel:
    return LoadedModel(name="m:latest", size_bytes=1, gpu_bytes=0, expires_at=START + stays, context_tokens=512)


@pytest.mark.parametrize(("stays", "keep"), [(100.0, 100.0), (0.2, 1.0), (2 * EVER_SECONDS, -1.0)])
async def test_a_model_in_memory_is_asked_with_its_context_and_the_rest_of_its_stay(stays: float, keep: float) -> None:
    asker = Memory(held=[model(stays)])
    await asker.begin()
    made = asker._fit(ChatAsk(model="m", tokens=1))
    assert (made.keep_seconds, made.context_tokens) == (pytest.approx(keep, abs=0.01), 512)
    assert await asker.leave("m") == ""


async def test_one_that_somebody_else_wants_stays_unless_only_an_embedding_kept_it() -> None:
    asker = Memory()
    await asker.begin()
    assert asker._fit(ChatAsk(model="m", tokens=1)).keep_seconds == KEEP_SECONDS
    answer = await asker.ask(ChatAsk(model="m", tokens=1))
    assert answer.state == "failed", "nothing listens there"
    asker.held = [model(KEEP_SECONDS + SLACK_SECONDS + 9)]
    assert "somebody else" in await asker.leave("m")
    await asker.embed("m")
    assert "could not be unloaded" in await asker.leave("m"), "it was tried"
    asker.held = []
    assert await asker.close() == []


def test_answers_are_told_apart() -> None:
    def state(status: int, body: bytes) -> str:
        return read_answer(Reply(status=status, headers={}, body=body), 0.1).state

    assert state(200, b'{"message": {"content": "hi"}, "done_reason": "stop"}') == "answered"
    assert state(200, b'{"choices": [{"message": {"content": ""}}]}') == "answered"
    assert state(200, b"<html>") == state(200, b"[]") == state(200, b'{"error": "x"}') == state(500, b"") == "failed"
    assert state(401, b"{}") == "refused"
    assert state(400, b'{"error": "\\"m\\" does not support chat"}') == "unable"
