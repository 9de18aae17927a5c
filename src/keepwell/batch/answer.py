"""What an answer of a batch says: the text of its first choice and why it ended, or an embedding. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its `text`, else (an embedding, another API's) its `value`. `finish` is "" where it is not told."""

    text: str
    finish: str = ""
    value: object = None


class _Message(msgspec.Struct):
    content: Any = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Vector(msgspec.Struct):
    embedding: Any


class _Answer(msgspec.Struct):
    choices: list[_Choice] = []
    data: list[_Vector] = []


_decode = msgspec.json.Decoder(_Answer).decode


def read_answer(body: bytes) -> Said:
    """What it says; the whole as a value where it is of no known form, the text as it is where it is no JSON."""
    try:
        found = _decode(body)
    except (ValueError, RecursionError):
        found = _Answer()
    if found.choices:
        first = found.choices[0]
        text: Any = first.text
        if first.message is not None:
            text = first.message.content
        if isinstance(text, str) or text is None:
            return Said(text or "", first.finish_reason or "")
        return Said("", first.finish_reason or "", text)
    if len(found.data) == 1:
        return Said("", "", found.data[0].embedding)
    try:
        return Said("", "", msgspec.json.decode(body))
    except (ValueError, RecursionError):
        return Said(body.decode("utf-8", "replace"))
