"""Cases of the answer guard from TOML files, and what each asks: a case with a needle asks at several depths. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from keepwell.bench.guard import PARSERS, Case
from keepwell.bench.language import LANGUAGES
from keepwell.bench.shape import find_unknown

#: Cases of one file, bytes of one, tokens of an answer, words of a prompt and sizes that are tried.
CASES, FILE_BYTES, TOKENS, WORDS, SIZES = 200, 256 * 1024, 4096, 200_000, 12
#: Where in the prompt a needle stands where nothing is said: shares of its length.
DEPTHS = (0.1, 0.5, 0.9)
#: What stands around a needle: plain words, each of one token or more, no sentence like the one before.
_PLACES = ("harbour", "garden", "station", "library", "market", "bridge", "valley", "workshop")
_DOINGS = ("opens early", "was painted green", "lies near the river", "has two doors", "is quiet at noon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a case: `size` and `depth` are those of its filling, 0 where it has none."""

    case: Case
    size: int = 0
    depth: float = 0.0


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """A [[case]] as it is written; see `docs/smoke.md`."""

    name: str
    prompt: str
    tokens: int = 128
    json: dict[str, object] = {}
    code: str = ""
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    matches: str = ""
    language: str = ""
    ends: bool = False
    marks: bool = False
    needle: str = ""
    words: tuple[int, ...] = ()
    depths: tuple[float, ...] = DEPTHS


class _File(msgspec.Struct, forbid_unknown_fields=True):
    case: tuple[_Row, ...] = ()


def parse_cases(content: bytes) -> tuple[Question, ...]:
    """Every question of a file, in its order. ValueError says what does not fit, and in which case."""
    if len(content) > FILE_BYTES:
        raise ValueError(f"it has more than {FILE_BYTES} bytes")
    try:
        found = msgspec.convert(tomllib.loads(content.decode("utf-8")), _File)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not found.case or len(found.case) > CASES:
        raise ValueError(f"it holds {len(found.case)} cases; 1 to {CASES} can be")
    for row in found.case:
        problem = _find_problem(row)
        if problem:
            raise ValueError(f"case {row.name!r}: {problem}")
    names = [row.name for row in found.case]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise ValueError(f"case {twice!r} stands there twice")
    return tuple(question for row in found.case for question in _questions(row))


def fill(words: int, needle: str, depth: float) -> str:
    """A text of about so many words with the needle at this share of its length; the same at each call."""
    sentences: list[str] = []
    count = 0
    while count < words:
        number = len(sentences)
        place, doing = _PLACES[number % len(_PLACES)], _DOINGS[number % len(_DOINGS)]
        sentences.append(f"Note {number + 1}: the {place} {doing}.")
        count += len(sentences[-1].split())
    if needle:
        sentences.insert(round(depth * len(sentences)), needle)
    return " ".join(sentences)


def find_effective(read: Iterable[tuple[Question, bool, int]]) -> tuple[int, int] | None:
    """Words of the largest filling at which, and below which, all depths came out well, and the most tokens that the
    engine counted of one (-1: not told); None where no question has a filling. (0, -1): not even the smallest.
    """
    sizes: dict[int, list[tuple[bool, int]]] = {}
    for question, well, tokens in read:
        if question.size:
            sizes.setdefault(question.size, []).append((well, tokens))
    if not sizes:
        return None
    best = (0, -1)
    for size in sorted(sizes):
        if not all(well for well, _ in sizes[size]):
            break
        best = (size, max(tokens for _, tokens in sizes[size]))
    return best


def _questions(row: _Row) -> Iterator[Question]:
    case = Case(
        name=row.name,
        prompt=row.prompt,
        tokens=row.tokens,
        shape=row.json,
        code=row.code,
        contains=row.contains,
        lacks=row.lacks,
        matches=row.matches,
        language=row.language,
        ends=row.ends,
        marks=row.marks,
    )
    if not row.words:
        yield Question(case=case)
    for size in row.words:
        for depth in row.depths[: len(row.depths) * bool(row.needle) or 1]:
            prompt = f"{fill(size, row.needle, depth)}\n\n{row.prompt}"
            name = f"{row.name}, {size} words" + f", at {depth:.0%}" * bool(row.needle)
            yield Question(case=replace(case, name=name, prompt=prompt), size=size, depth=depth)


def _find_problem(row: _Row) -> str:
    """What is wrong with a case, "" if nothing is."""
    wants = (row.json, row.code, row.contains, row.lacks, row.matches, row.language, row.ends, row.words)
    if not row.name.strip() or not row.prompt.strip():
        return "name and prompt cannot be empty"
    if not any(wants):
        return "it wants nothing of the answer: write json, code, contains, lacks, matches, language, ends or words"
    if not 1 <= row.tokens <= TOKENS:
        return f"tokens are 1 to {TOKENS}"
    if row.code not in ("", *PARSERS):
        return f"code is one of {', '.join(PARSERS)}"
    if row.language not in ("", *LANGUAGES):
        return f"language is one of {', '.join(LANGUAGES)}"
    if len(row.words) > SIZES or not all(1 <= size <= WORDS for size in row.words):
        return f"words are at most {SIZES} sizes of 1 to {WORDS}"
    if row.needle and not row.words:
        return "a needle needs words around it: write words = [512, 2048]"
    if not row.depths or not all(0 <= depth <= 1 for depth in row.depths):
        return "depths are shares from 0 to 1"
    return _find_mistake(row)


def _find_mistake(row: _Row) -> str:
    unknown = find_unknown(row.json)
    if unknown:
        return f"json knows no {unknown}"
    try:
        re.compile(row.matches)
    except re.error as error:
        return f"matches is no regular expression: {error}"
    return ""
