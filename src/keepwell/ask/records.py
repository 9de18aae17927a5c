"""A tool's JSON answer as short lines of evidence: what stands together stays together, the rest is cut to a budget."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from keepwell.core.text import cut_text
from keepwell.core.words import size

#: Lines that one look may add, and characters of each: a small model reads some thousand tokens.
RECORDS, RECORD_CHARS, VALUE_CHARS = 24, 240, 80
#: Moments lie between 2001 and the year 5138; whole numbers below 2 ** 53 are exact.
SINCE, UNTIL, EXACT = 1e9, 1e11, 2.0**53
#: Values that are walked at most: a fleet's answer may have tens of thousands.
WALKED = 20_000
#: How deep an answer is walked; those of operations are some six deep.
DEPTH = 12
#: Fields that say nothing about the world.
_LEFT_OUT = frozenset({"schema", "exit_code", "evidence"})
_WORDS = re.compile(r"[^\W_]{3,}")
#: Letters by which two forms of a word are still one: slow, slower.
STEM = 4
#: Words that say nothing of what a sentence is about, by those letters.
_EMPTY_WORDS = """
    the and are for not this that with from have has was were will would been being what when why how which there their
    than then they them into over very more most some such only also does did its you your our can but one two all any
    because about"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


def find_words(text: str) -> frozenset[str]:
    """The words of a text by their first letters, in small letters, without those that say nothing."""
    words = (one.lower() for one in _WORDS.findall(text))
    return frozenset(one[:STEM] for one in words if one not in _EMPTY)


def list_records(document: Mapping[str, object], wanted: frozenset[str]) -> list[str]:
    """The lines that have most of the wanted words, in the order of the document. Pure; never raises on JSON values."""
    found = []
    for record in _walk(document, "", [WALKED], 0):
        found.append(cut_text(record, RECORD_CHARS))
    if len(found) <= RECORDS:
        return found
    ranked = sorted(range(len(found)), key=[-_score(one, wanted) for one in found].__getitem__)
    return [found[place] for place in sorted(ranked[:RECORDS])]


def _score(record: str, wanted: frozenset[str]) -> int:
    return len(find_words(record) & wanted)


def _walk(value: object, path: str, left: list[int], depth: int) -> Iterator[str]:
    left[0] -= 1
    if left[0] < 0 or depth > DEPTH:
        return
    if isinstance(value, Mapping):
        yield from _walk_mapping(value, path, left, depth)
    elif isinstance(value, list | tuple):
        yield from _walk_list(value, path, left, depth)
    elif _says(value):
        yield f"{path}: {_scalar(value)}"


def _walk_mapping(value: Mapping[object, object], path: str, left: list[int], depth: int) -> Iterator[str]:
    plain, nested = [], []
    for key, one in value.items():
        if key in _LEFT_OUT:
            continue
        if isinstance(one, Mapping) and "missing" in one:
            plain.append(f"{key}={_scalar(one['missing'])} ({_scalar(one.get('reason', ''))})")
        elif isinstance(one, Mapping | list | tuple):
            nested.append((str(key), one))
        elif _says(one):
            plain.append(f"{key}={_scalar(one, str(key))}")
    if plain:
        yield f"{path}: {', '.join(plain)}".removeprefix(": ")
    for key, part in nested:
        yield from _walk(part, f"{path}.{key}".strip("."), left, depth + 1)


def _walk_list(value: Sequence[object], path: str, left: list[int], depth: int) -> Iterator[str]:
    flat = [one for one in value if not isinstance(one, Mapping | list | tuple)]
    if flat:
        yield f"{path}: {', '.join(_scalar(one) for one in flat[:RECORDS])}"
    for one in value:
        if isinstance(one, Mapping | list | tuple):
            yield from _walk(one, path, left, depth + 1)


def _says(value: object) -> bool:
    return value is not None and value != ""


def _scalar(value: object, key: str = "") -> str:
    """As a person reads it: sizes and moments by the name of their field."""
    if isinstance(value, bool):
        return {True: "yes", False: "no"}[value]
    if isinstance(value, int | float):
        return _number(float(value), key)
    return cut_text(str(value), VALUE_CHARS)


def _number(value: float, key: str) -> str:
    if key.endswith("_bytes") and 0 <= value < EXACT:
        return size(value)
    if (key == "at" or key.endswith("_at")) and SINCE <= value < UNTIL:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if abs(value) < EXACT and value == int(value):
        return str(int(value))
    return f"{value:.6g}"
