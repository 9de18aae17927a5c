"""Asking an engine: what comes back is read without trust."""

from __future__ import annotations

import pytest

from keepwell.core.observation import Missing
from keepwell.plugins.ask import Fields, describe_body, error_text, parse_fields, split_url
from keepwell.transport.base import Reply


def test_fields_of_another_type_read_as_empty() -> None:
    found = parse_fields(b'{"a":"x","n":3,"m":-3,"t":true,"l":[{"b":1},2,"c"],"f":{"g":"h"},"z":null}')
    assert isinstance(found, Fields)
    assert (found.text("a"), found.text("n"), found.text("gone")) == ("x", "", "")
    assert (found.integer("n"), found.integer("m"), found.integer("t"), found.integer("a")) == (3, 0, 0, 0)
    assert (found.flag("t"), found.flag("n")) == (True, False)
    assert [one.data for one in found.items("l")] == [{"b": 1}]
    assert (found.items("a"), found.texts("l"), found.fields("f").text("g")) == ((), ("c",), "h")
    assert (found.has_list("l"), found.has_list("z")) == (True, False)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b"{", b"\xff", b"[" * 50_000, b'{"a":"\\ud800"}'])
def test_what_is_no_mapping_is_missing(body: bytes) -> None:
    found = parse_fields(body)
    assert isinstance(found, Missing)
    assert found.kind == "failed"
    assert len(found.reason) < 600


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":"text"}', "text"),
        (b'{"error":{"message":"inner"}}', "inner"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"message":"m"}', "m"),
        (b"<html>", "<html>"),
        (b"", "an empty body"),
        (b"a\nb\x1b[31m", "a\\nb\\x1b[31m"),
    ],
)
def test_what_an_engine_says_went_wrong(body: bytes, said: str) -> None:
    assert error_text(Reply(status=500, body=body)) == said


def test_a_long_body_is_cut() -> None:
    assert len(describe_body(b"x" * 10_000)) < 400


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127.0.0.1:11434", ("127.0.0.1", 11434)),
        ("http://[::1]:80/x", ("::1", 80)),
        ("https://a.example", ("a.example", 443)),
        ("http://[::1]", ("::1", 80)),
        ("http://u:p@h:9/x", ("h", 9)),
        ("http://h:x", ("", 0)),
    ],
)
def test_host_and_port_of_a_url(url: str, place: tuple[str, int]) -> None:
    assert split_url(url) == place
