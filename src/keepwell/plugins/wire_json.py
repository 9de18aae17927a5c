"""Reads JSON that strangers sent: whatever is wrong with it is one error, and half an emoji is none.

msgspec raises three kinds of errors for bad input, of which only one is its own; and it refuses the escape of a lone
surrogate, which JavaScript's clients write when they cut a text inside a character. RFC 8259 allows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from keepwell.plugins.codec import Unreadable

T = TypeVar("T")

#: What a decoder raises: bad JSON or a wrong type, bad UTF-8, too many brackets inside each other.
BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: Every escape in a JSON text from left to right, so that `\\ud800` behind a backslash is none.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def read_body(body: bytes, decode: Callable[[bytes], T]) -> T:
    """What the decoder makes of a request's body; a lone surrogate becomes U+FFFD. Raises Unreadable."""
    try:
        return decode(body)
    except BROKEN as first:
        if b"\\ud" not in body and b"\\uD" not in body:
            raise Unreadable(explain(first)) from first
    try:
        return decode(_ESCAPES.sub(_replace_lone, body))
    except BROKEN as second:
        raise Unreadable(explain(second)) from second


def explain(error: Exception) -> str:
    """What is wrong with the JSON, for the client."""
    if isinstance(error, UnicodeDecodeError):
        return "the JSON is not valid UTF-8"
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    return str(error)


def compact(raw: bytes | msgspec.Raw) -> str:
    """A piece of JSON without spaces between its parts, else as it was written. Raises one of BROKEN."""
    return msgspec.json.format(bytes(raw), indent=-1).decode()


def _replace_lone(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return found[0]
    return b"\\ufffd"
