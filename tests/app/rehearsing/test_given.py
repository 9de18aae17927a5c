"""The requests of a rehearsal: files, kept bodies, keepwell's own."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from keepwell.app.rehearsing.given import MOST, SEED, choose_recorded, make_built_in, parse_given
from keepwell.core.errors import ConfigurationError
from keepwell.store.bodies import BODY_BYTES, KeptBody

CHAT = {"messages": [{"role": "user", "content": "hi"}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def kept(number: int, asked: str) -> KeptBody:
    """What one request asked."""
    return KeptBody(id=number, at=float(number), route="a", key="", asked=asked, answered="")


def test_bodies_alone_and_with_their_path_are_read() -> None:
    rows = [CHAT, {"prompt": "x"}, {"input": ["a"]}, {"path": "/api/chat", "body": CHAT}]
    found = parse_given(b"\n\n".join(json.dumps(one).encode() for one in rows), "f")
    assert [one.path for one in found.given] == [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/api/chat",
    ]
    assert [one.name for one in found.given] == ["line 1", "line 3", "line 5", "line 7"]
    assert found.given[3].body == CHAT
    assert not found.masked


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"model":"x"}', b"\xff", b"[" * 100_000, b""])
def test_what_is_no_request_is_told_with_its_line(line: bytes) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_given(line, "f.jsonl")
    assert "f.jsonl" in str(raised.value)


def test_too_many_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=str(MOST)):
        parse_given(b'{"prompt":"x"}\n' * (MOST + 1), "f")


@settings(max_examples=80)
@each(st.dictionaries(st.sampled_from(["messages", "prompt", "input", "path", "body", "x"]), JSON))
def test_any_object_is_a_request_or_told(row: dict[str, object]) -> None:
    try:
        found = parse_given(json.dumps(row).encode(), "f")
    except ConfigurationError:
        return
    assert found.given[0].path.startswith("/") or isinstance(row.get("path"), str)


def test_the_newest_that_went_well_are_chosen_each_once() -> None:
    bodies = [
        kept(9, json.dumps(CHAT)),
        kept(8, json.dumps(CHAT)),
        kept(7, '{"prompt": "cut'),
        kept(6, '{"prompt": "' + "x" * BODY_BYTES),
        kept(5, '{"prompt": "failed"}'),
        kept(2, f'{{"prompt":"played","seed":{SEED}}}'),
        kept(4, '{"prompt": "older"}'),
        kept(3, '{"prompt": "too many"}'),
    ]
    paths = {one.id: "/v1/completions" for one in bodies if one.id != 5}
    found = choose_recorded(bodies, paths, 2)
    assert [one.name for one in found.given] == ["request 9", "request 4"]
    assert found.masked
    assert sum(found.left_out.values()) == 5
    assert not choose_recorded([], {}, 5).given


def test_the_built_in_ones_are_conversations() -> None:
    found = make_built_in()
    assert len(found.given) >= 5
    roles = [re.findall(r'"role": "(\w+)"', json.dumps(one.body)) for one in found.given]
    assert ["user", "assistant", "user"] in roles
