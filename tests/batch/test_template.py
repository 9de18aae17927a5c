"""Templates: what is put in place, what is not, and what is refused with its reason."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.batch.template import make_template, parse_template
from keepwell.core.errors import ConfigurationError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
TOML = b"""
model = "tiny"
custom_id = "row {id}"
system = "Answer {{}} in {language}."
prompt = "{text}"

[parameters]
max_tokens = "{limit}"
stop = ["{end}!", "x"]
temperature = 0.5
"""


def test_columns_are_put_in_place_and_parameters_keep_their_type() -> None:
    template = parse_template(TOML, "t.toml")
    row = {"id": 7, "language": "Latin", "text": "{limit} {{}}", "limit": 12, "end": True}
    assert template.columns == {"id", "language", "text", "limit", "end"}
    assert template.name(row) == "row 7"
    assert json.loads(template.render(row)) == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Answer {} in Latin."},
            {"role": "user", "content": "{limit} {{}}"},
        ],
        "max_tokens": 12,
        "stop": ["true!", "x"],
        "temperature": 0.5,
    }


def test_json_embeddings_and_parts_of_messages() -> None:
    found = parse_template(b'\xef\xbb\xbf{"input": "{t}", "url": "/v1/embeddings"}', "t", model="m")
    assert (found.path, json.loads(found.render({"t": None}))) == ("/v1/embeddings", {"model": "m", "input": ""})
    parts = {"messages": [{"role": "user", "content": [{"type": "text", "text": "{t}"}]}], "model": "m"}
    made = parse_template(json.dumps(parts).encode(), "t")
    assert json.loads(made.render({"t": [1]}))["messages"][0]["content"][0]["text"] == "[1]"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"model = ", "no template"),
        (b"\xff", "no template"),
        (b'prompt = "x"', "no model"),
        (b'model = "m"', "what is asked"),
        (b'model = "m"\nprompt = "{x"', "lone { at character 1"),
        (b'model = "m"\nprompt = "}"', "lone }"),
        (b'model = "m"\nprompt = "x"\ninput = "y"', "what is asked"),
        (b'model = "m"\nprompt = "x"\nspeed = 1', "no 'speed'"),
        (b'model = "m"\nmessages = ["x"]', "messages"),
        (b'model = "m"\nprompt = "x"\nurl = "http://x"', "url"),
        (b'model = "m"\nprompt = "x"\nparameters = 3', "parameters"),
        (b'{"model": "m", "prompt": ' + b"[" * 40 + b"]" * 40 + b"}", "deeper"),
    ],
)
def test_a_template_that_is_none_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        parse_template(content, "t.toml")


def test_no_attribute_index_or_code_is_read_out_of_a_name() -> None:
    template = make_template("{a.__class__}{a[0]}{a!r}", model="m")
    assert template.columns == {"a.__class__", "a[0]", "a!r"}
    with pytest.raises(ValueError, match="no column"):
        template.render({"a": "x"})


@given(st.lists(st.tuples(TEXT, st.sampled_from(["a", "b c"])), max_size=5), TEXT, TEXT)
@settings(max_examples=60, deadline=None)
def test_any_text_around_columns_stays(parts: list[tuple[str, str]], one: str, other: str) -> None:
    row = {"a": one, "b c": other}
    asked = "".join(text.replace("{", "{{").replace("}", "}}") + f"{{{name}}}" for text, name in parts) or "x"
    wished = "".join(text + row[name] for text, name in parts)
    if not parts:
        wished = "x"
    said = json.loads(make_template(asked, model="m").render(row))
    assert said["messages"][0]["content"] == wished


@given(st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_a_template_or_refused(content: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        assert parse_template(content, "t").body


def test_text_that_is_no_utf8_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="surrogates"):
        make_template("\udcff", model="m")
