"""Each shape takes what it should and says what it expected of the rest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.config import shapes
from keepwell.config.model import Secret
from keepwell.config.schema import SECTIONS

GOOD: tuple[tuple[Callable[[object], object], object, object], ...] = (
    (shapes.text, "a b", "a b"),
    (shapes.texts, [], ()),
    (shapes.argv, ["a", ""], ("a", "")),
    (shapes.path, "/a b", "/a b"),
    (shapes.url, "http://h:1/v1/", "http://h:1/v1"),
    (shapes.url, "https://[::1]:8000", "https://[::1]:8000"),
    (shapes.origin, "https://a.b:1", "https://a.b:1"),
    (shapes.address, "::1", "::1"),
    (shapes.address, "fe80::1", "fe80::1"),
    (shapes.address, "box.lan", "box.lan"),
    (shapes.duration, 90, 90.0),
    (shapes.duration, "1.5h", 5400.0),
    (shapes.duration, "500ms", 0.5),
    (shapes.level, 4, 4),
    (shapes.user, "svc-llm$", "svc-llm$"),
    (shapes.secret, {"env": "A_B"}, Secret(env="A_B")),
    (shapes.secret, {"file": "/k"}, Secret(file="/k")),
)
BAD: tuple[tuple[Callable[[object], object], object], ...] = (
    (shapes.text, ""),
    (shapes.text, "a\nb"),
    (shapes.text, "x" * 5000),
    (shapes.texts, "a"),
    (shapes.texts, ["a", 1]),
    (shapes.texts, ["a"] * 300),
    (shapes.argv, []),
    (shapes.argv, [""]),
    (shapes.argv, ["a\0"]),
    (shapes.argv, "a b"),
    (shapes.label, "a/b"),
    (shapes.path, "a/b"),
    (shapes.url, "h:1"),
    (shapes.url, "http://"),
    (shapes.url, "ftp://h"),
    (shapes.url, "http://h:99999"),
    (shapes.url, "http://h:0"),
    (shapes.url, "http://h/?a=b"),
    (shapes.origin, "https://a/b"),
    (shapes.origin, "a"),
    (shapes.origins, "https://a"),
    (shapes.address, "http://h"),
    (shapes.address, "h:1"),
    (shapes.duration, True),
    (shapes.duration, "1"),
    (shapes.duration, float("inf")),
    (shapes.duration, float("nan")),
    (shapes.duration, -1),
    (shapes.level, 0),
    (shapes.level, True),
    (shapes.user, "a b"),
    (shapes.secret, "x"),
    (shapes.secret, {}),
    (shapes.secret, {"env": "A", "file": "/b"}),
    (shapes.secret, {"env": ["A"]}),
)


@pytest.mark.parametrize(("shape", "value", "expected"), GOOD)
def test_takes(shape: Callable[[object], object], value: object, expected: object) -> None:
    assert shape(value) == expected


@pytest.mark.parametrize(("shape", "value"), BAD)
def test_refuses_with_words(shape: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError, match=r"\w{3}"):
        shape(value)


toml_values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(toml_values)
@settings(max_examples=100)
def test_no_value_breaks_a_shape(value: object) -> None:
    for section in SECTIONS:
        for key in section.keys:
            try:
                key.shape(value)
            except ValueError as error:
                told = str(error)
            else:
                told = "taken"
            assert told
