"""What lines say, of every format; nothing that a server sends makes the reading fail."""

from __future__ import annotations

from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.marks import TOLD, Said, count_tokens, describe, find_marker, find_words, is_end, read_line

TOKENS = [
    b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}',
    b'data: {"choices": [{"index": 0, "text": "a", "finish_reason": null}]}',
    b'data: {"choices":[{"delta":{"content":null,"reasoning_content":"a"}}]}',
    b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}',
    b'{"model":"m","message":{"role":"assistant","content":"a"},"done":false}',
    b'{"model":"m","response":"\\"","done":false}',
    b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}',
    b'data: {"type":"response.output_text.delta","delta":"a"}',
]
NONE = [
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
    b'{"model":"m","message":{"role":"assistant","content":""},"done":true}',
    b"data: [DONE]",
    b": ping",
    b"event: message_stop",
    b"",
]


@pytest.mark.parametrize("line", TOKENS)
def test_lines_that_bring_a_token(line: bytes) -> None:
    assert count_tokens(line) == 1
    marker = find_marker(line)
    assert marker in line
    assert line[line.index(marker) + len(marker)] != ord('"')


@pytest.mark.parametrize("line", NONE)
def test_lines_that_bring_none(line: bytes) -> None:
    assert count_tokens(line) == 0
    assert find_marker(line) == b""


@pytest.mark.parametrize(
    ("line", "taken", "given"),
    [
        (b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}', 1, 2),
        (b'{"done":true,"prompt_eval_count":3,"eval_count":4,"response":"","message":{"content":""}}', 3, 4),
        (b'data: {"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}', 5, 1),
        (b'data: {"type":"response.completed","response":{"usage":{"input_tokens":7,"output_tokens":8}}}', 7, 8),
    ],
)
def test_what_the_server_counted(line: bytes, taken: float, given: float) -> None:
    said = Said()
    read_line(line, said)
    assert (said.input_tokens, said.output_tokens) == (taken, given)


@pytest.mark.parametrize(
    "line",
    [
        b"[DONE]",
        b'{"model":"m","done":true}',
        b'{"choices":[{"delta":{},"finish_reason":"length"}]}',
        b'{"type":"message_stop"}',
        b'{"type":"response.completed"}',
    ],
)
def test_ends(line: bytes) -> None:
    assert is_end(line)


def test_what_is_no_end() -> None:
    assert not is_end(b'{"choices":[{"delta":{"content":"[DONE] \\"done\\":true"},"finish_reason":null}]}')


@settings(max_examples=25)
@given(st.binary(max_size=60), st.sampled_from([b"", b"data: ", b"data: {", b'{"usage":', b'{"error":']))
def test_nothing_that_is_sent_makes_it_fail(data: bytes, before: bytes) -> None:
    said = Said()
    read_line(before + data, said)
    words = find_words(before + data)
    assert len(words) <= TOLD
    assert words.isprintable()
    assert isnan(said.input_tokens) or said.input_tokens >= 0 or said.input_tokens < 0


def test_errors_that_are_the_same_have_the_same_words() -> None:
    first = describe({"message": "request 4711 of 0xdeadbeef was refused\nby key sk-aaaaaaaaaaaaaaaaaaaaaaaa"})
    assert first == describe({"message": "request 9999 of 0xfeedbeef was refused by key sk-aaaaaaaaaaaaaaaaaaaaaaaa"})
    assert "sk-aaaa" not in first
