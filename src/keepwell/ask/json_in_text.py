"""JSON objects out of a model's words: in fences, among prose, cut off, with single quotes or commas too many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

#: Characters of an answer that are looked through; a budgeted answer has some six thousand.
READ_CHARS = 20_000
#: Places at which an object is tried to begin, and objects that are taken.
TRIES, OBJECTS = 40, 8
#: Brackets that are closed for a model whose answer was cut.
CLOSED = 8
_DECODER = json.JSONDecoder()
_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_TRAILING = re.compile(r",(\s*[}\]])")
_SINGLE = re.compile(r"(?<=[{\[,:\s])'((?:[^'\\\n]|\\.)*)'(?=\s*[,:}\]])")
_BARE = {"True": "true", "False": "false", "None": "null"}
_PYTHON = re.compile(r"\b(True|False|None)\b(?=\s*[,}\]])")


def drop_thoughts(text: str) -> str:
    """The text without what a model thought aloud before it, cut to what is read."""
    return _THOUGHTS.sub("", text[:READ_CHARS]).strip()


def find_objects(text: str) -> list[dict[str, object]]:
    """The outermost JSON objects in a text, mended where it takes no guess at what was meant. Never raises."""
    text = text[:READ_CHARS]
    at = text.find("{")
    if at < 0:
        return []
    whole = _decode(text, at)
    if whole is None:
        whole = _decode(_mend(text[at:]), 0)
        if whole is not None:
            return [whole[0]]
    return list(_scan(text))[:OBJECTS]


def parse_object(text: str) -> dict[str, object] | None:
    """The object that a text is, or holds; None where it holds none."""
    return next(iter(find_objects(text)), None)


def _scan(text: str) -> Iterator[dict[str, object]]:
    at = 0
    for _ in range(TRIES):
        at = text.find("{", at)
        if at < 0:
            return
        found = _decode(text, at)
        if found is None:
            at += 1
        else:
            value, at = found
            yield value


def _decode(text: str, at: int) -> tuple[dict[str, object], int] | None:
    """The object that begins here, and where it ends; None where none does."""
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None


def _mend(text: str) -> str:
    text = _SINGLE.sub(_double, text)
    text = _PYTHON.sub(_lower, text)
    return _TRAILING.sub(r"\1", _close(text))


def _double(found: re.Match[str]) -> str:
    return json.dumps(found[1].replace("\\'", "'"), ensure_ascii=False)


def _lower(found: re.Match[str]) -> str:
    return _BARE[found[1]]


def _close(text: str) -> str:
    """With the quote and the brackets that are open at its end."""
    stack: list[str] = []
    quoted = escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "{[":
            stack.append({"{": "}", "[": "]"}[char])
        elif char in "}]" and stack and stack[-1] == char:
            stack.pop()
    if (not quoted and not stack) or len(stack) > CLOSED:
        return text
    return text.rstrip(",: \n") * (not quoted) + (text + '"') * quoted + "".join(reversed(stack))
