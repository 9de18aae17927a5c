"""Answers say how well it is known who gave them; another model than was asked is told, or is an error."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from keepwell.gateway.record.facts import Facts
from keepwell.gateway.work.attest import Attest, Seen, Standing, make_standing
from keepwell.testing.engine import FakeEngine, FakeModel
from tests.gateway.made import MODEL, Running, chat, gateway

DAY = 86400.0


@asynccontextmanager
async def fleet(*models: str, on_mismatch: str = "tell") -> AsyncIterator[Running]:
    """A gateway over servers that answer with these models, whatever they are asked for."""
    engines = [FakeEngine("llamacpp", models=(FakeModel(name=one, tag=one),)) for one in models]
    for one in engines:
        await one.start()
    try:
        async with gateway([one.port for one in engines]) as running:
            replicas = [f"box/{number}" for number in range(len(engines))]
            standing = Standing(proof="verified", digest="sha256:abc", device="gpu=100%")
            running.gate.attest.replace(
                {one: {MODEL: standing} for one in replicas}, dict.fromkeys(replicas, "box"), on_mismatch
            )
            yield running
    finally:
        for one in engines:
            await one.stop()


@pytest.mark.parametrize("stream", [False, True])
async def test_the_right_model_is_attested(stream: bool) -> None:
    async with fleet(MODEL) as running:
        answer = await running.ask("/v1/chat/completions", chat(stream=stream))
    shown = {name: answer.headers.get(f"x-keepwell-{name}") for name in ("proof", "digest", "node", "device", "model")}
    assert shown == {
        "proof": "verified",
        "digest": "sha256:abc",
        "node": "box",
        "device": "gpu=100%",
        "model": MODEL,
    }
    (facts,) = running.told
    assert (facts.proof, facts.digest, facts.device) == ("verified", "sha256:abc", "gpu=100%")


@pytest.mark.parametrize("stream", [False, True])
async def test_another_model_is_told(stream: bool) -> None:
    async with fleet("other") as running:
        answer = await running.ask("/v1/chat/completions", chat(stream=stream))
    assert (answer.status, answer.whole) == (200, True)
    assert answer.headers["x-keepwell-proof"] == "mismatch"
    assert answer.headers["x-keepwell-model"] == "other"
    assert "x-keepwell-digest" not in answer.headers, "that is the digest of another model"
    assert running.told[0].proof == "mismatch"


@pytest.mark.parametrize("stream", [False, True])
async def test_by_policy_it_is_an_error_in_the_clients_own_form(stream: bool) -> None:
    async with fleet("other", on_mismatch="error") as running:
        answer = await running.ask("/v1/chat/completions", chat(stream=stream, max_tokens=5))
    assert answer.status == 502
    assert "was asked for tiny-alpha, and other answered" in json.dumps(answer.data["error"])
    assert running.told[0].error == "model_mismatch"
    assert running.running == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_replica_that_has_it_answers_instead(stream: bool) -> None:
    async with fleet("other", MODEL, on_mismatch="error") as running:
        answers = [await running.ask("/v1/chat/completions", chat(stream=stream)) for _ in range(6)]
    assert {one.status for one in answers} == {200}
    assert {one.headers["x-keepwell-replica"] for one in answers} == {"box/1"}
    assert all(one.whole for one in answers)
    assert sum(one.retries for one in running.told) <= 3, "the breaker keeps it out"


async def test_an_error_of_the_engine_names_no_model_and_is_no_mismatch() -> None:
    async with fleet(MODEL, on_mismatch="error") as running:
        answer = await running.ask("/v1/messages", chat())
    assert answer.status == 404
    assert "x-keepwell-proof" not in answer.headers


@pytest.mark.parametrize(
    ("seen", "proof", "device"),
    [
        (Seen(resident=False, listed="a"), "said", ""),
        (Seen(resident=True), "verified", ""),
        (Seen(resident=True, listed="a", loaded="a", gpu_ratio=0.5), "verified", "gpu=50%"),
        (Seen(resident=True, listed="a", loaded="b", gpu_ratio=0), "said", "gpu=0%"),
        (Seen(resident=True, listed="a", loaded="a", canary_at=10 * DAY - 3600), "canary", ""),
        (Seen(resident=True, listed="a", loaded="a", canary_at=7 * DAY), "verified", ""),
        (Seen(resident=True, listed="a", loaded="b", canary_at=10 * DAY), "said", ""),
    ],
)
def test_what_an_answer_is_worth(seen: Seen, proof: str, device: str) -> None:
    standing = make_standing(seen, 10 * DAY, DAY)
    assert (standing.proof, standing.device) == (proof, device)
    assert standing.digest == (seen.loaded or seen.listed)


def test_names_of_clients_do_not_fill_the_memory() -> None:
    attest = Attest()
    facts = Facts(1, 0.0)
    for number in range(20_000):
        facts.asked = facts.answered = f"name-{number}"
        attest.attest(facts, "m")
    assert len(attest._made) <= 4096
