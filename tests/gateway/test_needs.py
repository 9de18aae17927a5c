"""What a request needs is seen in its bytes; a replica is left out only where it certainly cannot."""

from __future__ import annotations

import json

import pytest

from keepwell.gateway.choice.needs import Shortage, count_text, find_needs, find_shortage
from keepwell.plugins.dialect import Endpoint

CHAT = Endpoint(path=b"/v1/chat/completions", use="generate")
EMBED = Endpoint(path=b"/v1/embeddings", use="embed")
EVERY = frozenset({"chat", "embed", "vision", "tools"})
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def shortage(*rows: tuple[str, set[str], int]) -> Shortage:
    """What these replicas lack."""
    found = find_shortage([(name, frozenset(cannot), context) for name, cannot, context in rows])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, {"chat"}),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, IMAGE]}]}, {"chat", "vision"}),
        ({"messages": [{"role": "user", "content": "what?", "images": ["AAAA"]}]}, {"chat", "vision"}),
        ({"messages": [{"role": "user", "content": "what?", "images": []}]}, {"chat"}),
        ({"prompt": "what?", "images": ["AAAA"]}, {"chat", "vision"}),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, {"chat", "vision"}),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, {"chat", "vision"}),
        ({"messages": [{"role": "user", "content": "image_url"}, {"role": "user", "content": "tools"}]}, {"chat"}),
        ({"messages": [{"role": "user", "content": "hi"}], "tools": [{"type": "function"}]}, {"chat", "tools"}),
        ({"messages": [{"role": "user", "content": "hi"}], "tools": []}, {"chat"}),
        ({"model": "m", "keep_alive": -1}, set()),
    ],
)
def test_what_a_request_needs(body: object, needs: set[str]) -> None:
    assert find_needs(CHAT, json.dumps(body).encode(), EVERY) == needs
    assert find_needs(CHAT, json.dumps(body, separators=(",", ":")).encode(), EVERY) == needs


def test_an_embedding_is_told_by_its_path() -> None:
    assert find_needs(EMBED, b'{"input":"x"}', EVERY) == {"embed"}


def test_who_cannot_is_left_out_with_the_reason() -> None:
    lacking = shortage(("a", {"vision"}, 0), ("b", set(), 0))
    seeing = json.dumps({"messages": [{"content": [IMAGE]}]}).encode()
    assert lacking.find_unable(CHAT, seeing) == {"a": "no model there that sees images"}
    assert lacking.find_unable(CHAT, b'{"messages":[{"content":"hi"}]}') == {}
    assert find_shortage([("a", frozenset(), 0)]) is None


def test_a_prompt_that_is_certainly_too_long() -> None:
    body = json.dumps({"prompt": "x" * 300_000}).encode()
    found = shortage(("a", set(), 2048), ("b", set(), 4096)).find_unable(CHAT, body)
    assert found == {"a": "takes 2048 tokens, and this has 2343 at least"}


def test_one_that_may_be_too_long_goes_where_there_is_more_room() -> None:
    body = json.dumps({"prompt": "x" * 9000}).encode()
    found = shortage(("a", set(), 2048), ("b", set(), 8192)).find_unable(CHAT, body)
    assert list(found) == ["a"]
    assert shortage(("a", set(), 2048), ("b", set(), 2048)).find_unable(CHAT, body) == {}, "nobody has more room"


def test_an_images_bytes_are_no_prompt() -> None:
    long = {"type": "image_url", "image_url": {"url": "A" * 500_000}}
    assert count_text(json.dumps({"messages": [{"content": [long, {"type": "text", "text": "abc"}]}]}).encode()) == 3


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"messages": 7}', b'{"messages":[[[[[[[[["a"]]]]]]]]]}', b"[" * 9000])
def test_whatever_comes_is_read(body: bytes) -> None:
    assert "vision" not in find_needs(CHAT, body, EVERY)
    assert count_text(body) == 0
