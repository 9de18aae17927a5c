"""One key is changed; all else keeps every byte."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.config.render import render_value
from keepwell.config.toml_edit import set_key

TEXT = """\
# mine
[gateway]   # where clients ask
offer = "all"
listen = [   # both
  "127.0.0.1:4000",
  "127.0.0.1:4001",
]

[[engine]]
url = "http://127.0.0.1:1"
[[engine]]
kind = 'x'
url = "http://127.0.0.1:2"  # the second
"""


def test_a_list_over_several_lines_is_replaced() -> None:
    assert set_key(TEXT, ("gateway", "listen"), '["a"]') == TEXT.replace(
        'listen = [   # both\n  "127.0.0.1:4000",\n  "127.0.0.1:4001",\n]\n', 'listen = ["a"]\n'
    )


def test_a_key_of_the_second_table_of_a_list_is_replaced() -> None:
    edited = set_key(TEXT, ("engine", 1, "url"), '"http://127.0.0.1:3"')
    assert edited == TEXT.replace("127.0.0.1:2", "127.0.0.1:3")


def test_what_is_so_already_keeps_its_comment() -> None:
    assert set_key(TEXT, ("gateway", "offer"), "'all'") == TEXT


def test_a_new_key_follows_the_header_and_a_new_table_the_end() -> None:
    assert set_key("[gateway]", ("gateway", "listen"), '"a"') == '[gateway]\nlisten = "a"\n'
    assert set_key("a = ['#', 1] # b # c", ("g", "b"), "2") == "a = ['#', 1] # b # c\n\n[g]\nb = 2\n"
    assert set_key("[g]\na = '#' # b # c", ("g", "a"), "2") == "[g]\na = 2 # b # c\n"
    assert set_key("a = 1", ("gateway", "listen"), '"a"') == 'a = 1\n\n[gateway]\nlisten = "a"\n'
    assert set_key("", ("gateway", "listen"), '"a"') == '[gateway]\nlisten = "a"\n'
    assert set_key("a = 1\r\n", ("g", "b"), "2") == "a = 1\r\n\r\n[g]\r\nb = 2\r\n"


@pytest.mark.parametrize("text", ["gateway = {offer = 'all'}\n", "gateway.offer = 'all'\n", "a = "])
def test_what_cannot_be_changed_alone_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        set_key(text, ("gateway", "offer"), '"routes"')


KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.one_of(
    st.integers(0, 9), st.text("ab\"\\' #\n", max_size=4), st.lists(st.text("x]#", max_size=3), max_size=3)
)
TABLES = st.dictionaries(st.sampled_from(["t", "u"]), st.dictionaries(KEYS, VALUES, max_size=3), max_size=2)


@settings(max_examples=150)
@given(TABLES, st.sampled_from(["t", "u"]), KEYS, VALUES, st.booleans())
def test_any_document_means_the_same_but_for_the_key(
    tables: dict[str, dict[str, object]], table: str, key: str, value: object, wide: bool
) -> None:
    lines = []
    for name, rows in tables.items():
        lines.append(f"[{name}] # {name}")
        for one, held in rows.items():
            written = render_value(tuple(held) if isinstance(held, list) else held)
            lines.append(
                f"{one} = {written.replace(', ', ',' + chr(10)) if wide and isinstance(held, list) else written}"
            )
    text = "\n".join(lines)
    wished = render_value(tuple(value) if isinstance(value, list) else value)
    expected = tomllib.loads(text)
    expected.setdefault(table, {})[key] = value
    edited = set_key(text, (table, key), wished)
    assert tomllib.loads(edited) == expected
    assert set_key(edited, (table, key), wished) == edited
