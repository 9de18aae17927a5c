"""What each engine is asked at level 3: requests that can be repeated, and limits read from its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from keepwell.core.observation import Missing
from keepwell.plugins import registry
from keepwell.plugins.chat import ChatAsk, Chats, LimitsRequests, PromisesPaths
from keepwell.plugins.promise import judge_reply
from keepwell.transport.base import Reply

ENGINES = registry.names("engines")


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_promises_paths_and_is_asked_for_little(name: str) -> None:
    engine = registry.load("engines", name)
    assert isinstance(engine, PromisesPaths)
    assert isinstance(engine, Chats)
    plain, whole = engine.promises(""), engine.promises("tiny")
    assert {one.call.method for one in plain} == {"GET"}
    assert len(whole) > len(plain)
    assert len({(one.call.path, one.call.body) for one in whole}) == len(whole)
    for one in whole:
        assert one.call.path.startswith("/")
        asked = json.loads(one.call.body or b"{}")
        assert asked.get("max_tokens", 2) <= 2
        assert asked.get("options", {}).get("num_predict", 2) <= 2
    body = json.loads(engine.chat(ChatAsk(model="tiny", tokens=8, stream=True)).body)
    assert (body["model"], body["stream"]) == ("tiny", True)
    assert json.loads(engine.embed("tiny").body)["model"] == "tiny"


def test_a_loaded_model_keeps_its_context_and_its_stay() -> None:
    engine = registry.load("engines", "ollama")
    assert isinstance(engine, Chats)
    body = json.loads(engine.chat(ChatAsk(model="a", tokens=8, context_tokens=4096, keep_seconds=90.5)).body)
    assert (body["options"]["num_ctx"], body["keep_alive"], body["options"]["num_predict"]) == (4096, 90, 8)
    plain = json.loads(engine.chat(ChatAsk(model="a", tokens=8)).body)
    assert "keep_alive" not in plain
    assert "num_ctx" not in plain["options"]
    assert json.loads(engine.chat(ChatAsk(model="a", tokens=8, keep_seconds=-1)).body)["keep_alive"] == -1


@pytest.mark.parametrize(
    ("name", "settings", "slots", "told"),
    [
        ("ollama", {}, 0, (0, 0, 512)),
        ("ollama", {"OLLAMA_NUM_PARALLEL": "4", "child --parallel": "1", "OLLAMA_MAX_QUEUE": "9"}, 0, (1, 4, 9)),
        ("ollama", {"OLLAMA_NUM_PARALLEL": "four"}, 0, (0, 0, 512)),
        ("llamacpp", {"LLAMA_ARG_N_PARALLEL": "4"}, 4, (4, 4, 0)),
        ("llamacpp", {}, 2, (2, 0, 0)),
        ("llamacpp", {"LLAMA_ARG_N_PARALLEL": "-1"}, 0, (0, 0, 0)),
        ("vllm", {"--max-num-seqs": "8", "--max-num-queued-reqs": "2"}, 0, (8, 8, 2)),
        ("vllm", {}, 0, (0, 0, 0)),
    ],
)
def test_limits(name: str, settings: Mapping[str, str], slots: int, told: tuple[int, int, int]) -> None:
    engine = registry.load("engines", name)
    assert isinstance(engine, LimitsRequests)
    limit = engine.request_limit(settings, slots)
    assert not isinstance(limit, Missing)
    assert (limit.at_once, limit.asked, limit.waiting) == told


CHAT = {"model": "tiny", "choices": [{"message": {"content": "a"}, "finish_reason": "length"}]}


@pytest.mark.parametrize(
    ("path", "reply", "kind"),
    [
        ("/props", Reply(status=200, body=b'{"build_info": "b1"}'), "kept"),
        ("/props", Reply(status=200, body=b"<html>"), "malformed"),
        ("/props", Reply(status=200, body=b"{}"), "malformed"),
        ("/props", Reply(status=401, body=b'{"error": {"message": "key"}}'), "refused"),
        ("/props", Reply(status=500), "failed"),
        ("/slots", Reply(status=501), "off"),
        ("/slots", Reply(status=200, body=b'[{"id": 0, "n_ctx": 1}]'), "kept"),
        ("/slots", Reply(status=200, body=b"[{}]"), "malformed"),
        ("/slots", Reply(status=200, body=b"["), "malformed"),
        ("/metrics", Reply(status=200, body=b"llamacpp:prompt_tokens_total 3\n"), "kept"),
        ("/metrics", Reply(status=200, body=b"other 3\n"), "malformed"),
        ("/tokenize", Reply(status=404), "missing"),
        ("/v1/chat/completions", Reply(status=200, body=json.dumps(CHAT).encode()), "kept"),
        ("/v1/chat/completions", Reply(status=200, body=json.dumps({**CHAT, "model": ""}).encode()), "malformed"),
        ("/v1/chat/completions", Reply(status=400, body=b'{"error": "it does not support chat"}'), "unable"),
        ("/v1/embeddings", Reply(status=501), "off"),
    ],
)
def test_promises_are_kept_or_not(path: str, reply: Reply, kind: str) -> None:
    engine = registry.load("engines", "llamacpp")
    assert isinstance(engine, PromisesPaths)
    promise = next(one for one in engine.promises("tiny") if one.call.path.partition("?")[0] == path)
    kept = judge_reply(promise, reply)
    assert kept.kind == kind
    assert bool(kept.problem) is (kind != "kept")
