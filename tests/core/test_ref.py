"""Ref: text and value are inverse; what cannot be an address is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.ref import PARTS, Ref, device, engine, node
from tests.core.strategies import refs


@given(refs())
@settings(max_examples=150)
def test_text_and_value_are_inverse(ref: Ref) -> None:
    assert Ref.parse(str(ref)) == ref


@given(st.sampled_from([*PARTS, "x", ""]), st.text(":/ab\x00\x7f ", max_size=12))
@settings(max_examples=150)
def test_any_text_is_a_ref_or_a_value_error(kind: str, rest: str) -> None:
    text = f"{kind}:{rest}"
    try:
        ref = Ref.parse(text)
    except ValueError:
        return
    assert str(ref) == text


@given(refs(), refs())
@settings(max_examples=100)
def test_order_and_identity_follow_the_value(one: Ref, other: Ref) -> None:
    assert (one == other) == (str(one) == str(other))
    assert (hash(one) == hash(other)) or one != other
    assert (one < other) + (other < one) + (one == other) == 1


def test_a_name_with_slashes_needs_no_escape() -> None:
    model = Ref.parse("model:gpu01/ollama/hf.co/org/name:Q4_K_M")
    assert model.path == ("gpu01", "ollama", "hf.co/org/name:Q4_K_M")
    assert (model.node, model.name) == ("gpu01", "hf.co/org/name:Q4_K_M")
    assert str(Ref("mount", ("gpu01", "/var/lib"))) == "mount:gpu01//var/lib"


def test_shorthands() -> None:
    assert str(node("n")) == "node:n"
    assert str(engine("n", "e")) == "engine:n/e"
    assert str(device("n", 0)) == "device:n/0"
    assert Ref("route", ("llama",)).node == ""


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("planet", ("a",)),
        ("node", ()),
        ("node", ("a", "b")),
        ("node", ("",)),
        ("engine", ("a/b", "c")),
        ("engine", ("a", "b\n")),
        ("engine", ("a", "\x7f")),
    ],
)
def test_what_cannot_be_an_address(kind: str, path: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Ref(kind, path)


@given(refs(), refs())
@settings(max_examples=100)
def test_within_is_a_partial_order(one: Ref, other: Ref) -> None:
    assert one.within(one)
    if one.within(other) and other.within(one):
        assert one == other


def test_a_node_holds_what_is_on_it_and_an_engine_its_models() -> None:
    model = Ref("model", ("n", "e", "m"))
    assert model.within(engine("n", "e"))
    assert model.within(node("n"))
    assert not model.within(engine("n", "other"))
    assert not node("n").within(model)
    assert not engine("n", "e").within(Ref("device", ("n", "e")))
    assert not Ref("model", ("n2", "e", "m")).within(node("n"))
