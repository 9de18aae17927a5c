"""Models that no engine of the client's format has are described by the gateway; all others by their engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepwell.plugins.dialect import Offered
from keepwell.plugins.model_facts import ModelFacts
from tests.gateway.made import KEY, MODEL, SECRET, gateway
from tests.support import free_port

OFFERED = Offered(
    name=MODEL, context_tokens=2048, facts=ModelFacts(family="llama"), can=("chat",), dialects=("openai",)
)
AUTH = [f"authorization: Bearer {SECRET}"]


@pytest.mark.parametrize("name", [MODEL, f"{MODEL}:latest", "the-alias"])
async def test_a_model_of_an_engine_that_does_not_speak_ollamas_format(name: str) -> None:
    async with gateway([free_port()], spoken=[["openai"]]) as running:
        running.gate.surface.replace(running.gate.surface.names, [OFFERED])
        for field in ("model", "name"):
            answer = await running.ask("/api/show", {field: name})
            assert answer.status == 200
            assert answer.data["model_info"] == {"general.architecture": "llama", "llama.context_length": 2048}
            assert answer.data["capabilities"] == ["completion"]
        unknown = await running.ask("/api/show", {"model": "no-such-thing"})
        assert (unknown.status, "error" in unknown.data) == (404, True)
        assert running.told[-1].error == "model_not_found"


async def test_an_engine_that_speaks_it_is_asked() -> None:
    async with gateway([free_port()], spoken=[["ollama"]]) as running:
        answer = await running.ask("/api/show", {"model": MODEL})
        assert answer.status in (502, 503), "nobody listens there"


async def test_a_key_is_shown_no_model_that_it_may_not_use() -> None:
    key = replace(KEY, routes=("other-*",))
    async with gateway([free_port()], keys=[key], spoken=[["openai"]]) as running:
        running.gate.surface.replace(running.gate.surface.names, [OFFERED])
        answer = await running.ask("/api/show", {"model": MODEL}, headers=AUTH)
        assert answer.status in (403, 404)
        assert b"llama" not in answer.body
