"""An answer as its parts in order."""

from __future__ import annotations

import msgspec
import pytest

from keepwell.plugins.answer_events import CallPiece, Reasoning, Text
from keepwell.plugins.answer_parts import Part, Parts, is_whole, render_arguments


def test_pieces_become_parts_in_the_order_in_which_these_began() -> None:
    parts = Parts()
    for one in (
        Reasoning("a"),
        Reasoning("b"),
        Text("c"),
        CallPiece(0, "i", "f", "{"),
        CallPiece(1, "j", "g"),
        Text("d"),
    ):
        parts.take(one)
    assert parts.take(CallPiece(0, "other", "name", "}")) is parts.all[2]
    assert [(one.number, one.kind, one.id, one.name, one.text) for one in parts.all] == [
        (0, "reasoning", "", "", "ab"),
        (1, "text", "", "", "c"),
        (2, "call", "i", "f", "{}"),
        (3, "call", "j", "g", ""),
        (4, "text", "", "", "d"),
    ]


@pytest.mark.parametrize(
    ("text", "whole", "written"),
    [
        ("", False, b"{}"),
        ('{"x":', False, b'{"arguments":"{\\"x\\":"}'),
        ('{"x": 1}', True, b'{"x": 1}'),
        ("[1]", False, b'{"arguments":"[1]"}'),
        ("[" * 5000, False, msgspec.json.encode({"arguments": "[" * 5000})),
    ],
)
def test_arguments_are_an_object(text: str, whole: bool, written: bytes) -> None:
    assert is_whole(Part(0, "call", pieces=[text])) is whole
    assert msgspec.json.encode(render_arguments(text)) == written
    assert is_whole(Part(0, "text", pieces=[text]))
