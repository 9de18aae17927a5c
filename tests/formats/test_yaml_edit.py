"""One thing in a YAML or JSON text is changed; every other byte stays, whatever stands around it."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.yaml_edit import add_item, drop, find_data, put_data, put_value
from keepwell.formats.yaml_places import BadYaml, parse_data, parse_places

TEXT = """\
# first
services:
    one:   # the first
        image: some/one
        ports: ["1:1"]  # one port
        environment:
        - A=1   # a
        - B=2

        # said of two
    two:
        image: 'some/two'
        deploy:
            resources: {limits: {memory: 1g}}
        empty:
"""
DEVICES = [{"driver": "some", "count": "all", "capabilities": ["gpu"]}]

WORDS = st.text(st.sampled_from("ab1: #-'\"\\{}[],&*!|>%@`é\n"), max_size=6)
SCALARS = st.one_of(WORDS, st.integers(-3, 300), st.booleans(), st.none(), st.sampled_from(["no", "1e3", "0o7", "1:2"]))
KEYS = st.sampled_from(["a", "b", "deploy", "x-y", "Ü", "1", "no"])
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)


def paths_of(data: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path in some data."""
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(data, dict):
        pairs = list(data.items())
    elif isinstance(data, list):
        pairs = list(enumerate(data))
    return [one for key, inner in pairs for one in [(*above, key), *paths_of(inner, (*above, key))]]


def is_within(text: str, whole: str) -> bool:
    """Whether each line of the one stands in the other in the same order."""
    lines = iter(whole.split("\n"))
    return all(line.rstrip("\r") in (one.rstrip("\r") for one in lines) for line in text.split("\n") if line)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A mapping as somebody wrote it: in some style, with comments, blank lines, other line ends, a byte-order mark."""
    data = draw(st.dictionaries(KEYS, DATA, min_size=1, max_size=4))
    style = draw(st.sampled_from([False, None, True]))
    text = yaml.safe_dump(data, default_flow_style=style, indent=draw(st.integers(2, 5)), allow_unicode=True)
    if draw(st.booleans()):
        text = f"# above\n\n{text}# below\n"
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return "\ufeff" * draw(st.booleans()) + text.removesuffix("\n" * draw(st.booleans())), data


@settings(max_examples=150, deadline=None)
@given(texts(), DATA, st.data())
def test_what_is_put_is_there_and_nothing_else_is_other(made: tuple[str, Any], value: Any, more: st.DataObject) -> None:
    text, _ = made
    data = parse_data(text)
    path = more.draw(st.sampled_from([(key,) for key in ("new", "a", "b")] + paths_of(data)))
    try:
        after = put_value(text, path, value)
    except BadYaml:
        return
    assert parse_data(after) == put_data(data, path, value)
    if path == ("new",) and not parse_places(text).inline:
        assert is_within(text, after)


@settings(max_examples=150, deadline=None)
@given(texts(), st.data())
def test_what_is_dropped_is_gone_and_nothing_else(made: tuple[str, Any], more: st.DataObject) -> None:
    text, _ = made
    data = parse_data(text)
    path = more.draw(st.sampled_from(paths_of(data)))
    try:
        after = drop(text, path)
    except BadYaml:
        return
    wished = copy.deepcopy(data)
    del find_data(wished, path[:-1])[path[-1]]
    assert parse_data(after) == wished
    if not parse_places(text).inline and "\n" in after:
        assert (
            is_within(after.removesuffix("{}\n"), text) or "{}" in after or "[]" in after or "{" in text or "[" in text
        )


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, DATA, max_size=4), st.integers(0, 4), st.booleans(), DATA)
def test_json_stays_json(data: dict[str, Any], indent: int, tabs: bool, value: Any) -> None:
    blanks: int | str = indent
    if tabs:
        blanks = "\t"
    text = json.dumps(data, indent=blanks, ensure_ascii=False)
    try:
        after = put_value(text, ("runtimes", "some"), value)
    except BadYaml:
        return
    assert json.loads(after) == put_data(data, ("runtimes", "some"), value)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab:- \n\t#&*!|>'\"{}[],%?\x00\x85\ufeff"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadYaml):
        assert find_data(parse_data(put_value(text, ("a", "b"), [1])), ("a", "b")) == [1]


def test_one_item_one_key_and_a_nest_of_keys_are_added_where_their_kin_stand() -> None:
    assert add_item(TEXT, ("services", "one", "ports"), "2:2") == TEXT.replace('"1:1"]', '"1:1", "2:2"]')
    more = add_item(TEXT, ("services", "one", "environment"), "C=3")
    assert more == TEXT.replace("- B=2\n", "- B=2\n        - C=3\n")
    nested = put_value(TEXT, ("services", "one", "deploy", "resources", "devices"), DEVICES)
    lines = ["deploy:", "    resources:", "        devices:", "            - driver: some", "              count: all"]
    lines.append("              capabilities: [gpu]")
    wished = "".join(f"        {line}\n" for line in lines)
    assert nested == TEXT.replace("- B=2\n", f"- B=2\n{wished}")
    assert put_value(TEXT, ("services", "two", "empty", "a"), 1).endswith("        empty:\n            a: 1\n")


def test_the_last_one_of_a_collection_leaves_it_empty() -> None:
    assert drop(TEXT, ("services", "one", "ports", 0)) == TEXT.replace('["1:1"]', "[]")
    assert drop("a:\n  b: 1 # x\nc: 2\n", ("a", "b")) == "a: {} # x\nc: 2\n"


def test_what_an_anchor_lends_is_not_changed_for_others() -> None:
    text = "x: &lent {a: 1}\nservices:\n  one: *lent\n  two:\n    <<: *lent\n    b: 2\n"
    with pytest.raises(BadYaml, match="anchor"):
        put_value(text, ("services", "one", "a"), 2)
    own = put_value(text, ("services", "two", "a"), 2)
    assert own == text + "    a: 2\n"
    assert add_item(text, ("services", "three", "devices"), "d").endswith("  three:\n    devices: [d]\n")


def test_tags_of_an_application_are_passed_over() -> None:
    text = "services:\n  one:\n    ports: !override\n      - 1:1\n    gpus: !reset null\n"
    assert put_value(text, ("services", "one", "image"), "x") == text + "    image: x\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\na: 2\n", 2),
        ("a:\n\tb: 1\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("", 0),
        ("a: [1\n", 2),
        ("- a: 1\n b: 2\n", 2),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(BadYaml) as caught:
        parse_places(text)
    assert caught.value.line == line


def test_a_trap_of_aliases_is_refused_soon() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 12)]
    with pytest.raises(BadYaml):
        parse_places("\n".join(lines))
    with pytest.raises(BadYaml):
        parse_places("[" * 200 + "]" * 200)
