"""The sentence in an answer that is an error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.plugins.error_text import parse_error_text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":"model \'x\' not found"}', "model 'x' not found"),
        (b'{"error":{"message":"no","type":"x","code":400}}', "no"),
        (b'{"type":"error","error":{"type":"api_error","message":" no "}}', "no"),
        (b'{"object":"error","message":"no"}', "no"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"detail":[{"loc":["body"],"msg":"Field required"}]}', "Field required"),
        (b'{"error":null,"message":"no"}', "no"),
        (b'{"error":{"error":{"error":{"error":{"error":"too deep"}}}}}', ""),
        (b'"no"', ""),
        (b"<html>", ""),
        (b"[" * 5000, ""),
        (b"\xff", ""),
    ],
)
def test_every_usual_form(body: bytes, said: str) -> None:
    assert parse_error_text(body) == said


@given(st.binary(max_size=40))
@settings(max_examples=50)
def test_any_bytes_are_some_text(body: bytes) -> None:
    assert isinstance(parse_error_text(body), str)
