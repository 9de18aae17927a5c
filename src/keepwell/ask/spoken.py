"""What a model said, taken apart: calls of tools, an answer, or why it is neither. Whatever came, nothing is raised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from keepwell.ask.json_in_text import drop_thoughts, find_objects, parse_object
from keepwell.core.text import cut_text, escape_controls

#: The name of the tool by which a model answers.
ANSWER = "answer"
#: Claims of an answer, characters of each, and ids that one may cite.
CLAIMS, CLAIM_CHARS, CITES = 8, 400, 8
#: Things that it says it did not check, and calls that are heard at once.
UNCHECKED, CALLS = 5, 3
_ID = re.compile(r"(?<![A-Za-z0-9])([CFE][0-9]{1,4})(?![A-Za-z0-9])")
_CITED = re.compile(r"\s*[\[(【](?:\s*(?:id:?\s*)?[CFE][0-9]{1,4}\s*[,;]?)+[\])】]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-z\[(]|\d+\.)|\n+")
_BULLET = re.compile(r"^\s*(?:[-*•✓]|\d{1,2}[.)])\s+")
_NAMES = ("tool", "name", "function", "action", "tool_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "tool_input", "action_input")
_TEXTS, _CITES = ("text", "claim", "statement", "sentence"), ("cites", "ids", "citations", "evidence", "sources", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool that the model wants, as it wrote it."""

    tool: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawClaim:
    """A claim as it was said, on one line, and the ids that it cites, which may be none that there are."""

    text: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """`calls`, or `claims` with the cause that the model holds for right ("" where it does not say); `problem` where it
    is neither.
    """

    calls: tuple[Call, ...] = ()
    claims: tuple[RawClaim, ...] = ()
    cause: str = ""
    unchecked: tuple[str, ...] = ()
    problem: str = ""
    answered: bool = False


def read_said(text: str, calls: Sequence[tuple[str, str]]) -> Said:
    """Read a model's text and its native calls (name and arguments as JSON text). Pure; costs a few milliseconds."""
    rows = [_native(name, arguments) for name, arguments in calls[:CALLS]]
    if not rows:
        rows = find_objects(drop_thoughts(text))
    wanted = [one for row in rows for one in _list_calls(row)]
    answers = [one for one in wanted if one.tool.lower().strip() == ANSWER]
    if answers:
        return read_answer(answers[0].arguments)
    if wanted:
        return Said(calls=tuple(wanted[:CALLS]))
    for row in rows:
        inner = row.get(ANSWER, row)
        if isinstance(inner, Mapping) and ("claims" in inner or "cause" in inner):
            return read_answer(inner)
    return _read_prose(drop_thoughts(text))


def read_answer(found: Mapping[str, object]) -> Said:
    """The arguments of an answer."""
    claims = tuple(_list_claims(found.get("claims")))[:CLAIMS]
    cause = found.get("cause")
    if not isinstance(cause, str):
        cause = ""
    if not claims and not cause:
        return Said(problem="the answer holds no claims")
    unchecked = found.get("not_checked")
    if isinstance(unchecked, str):
        unchecked = [unchecked]
    if not isinstance(unchecked, list):
        unchecked = []
    told = tuple(_line(one) for one in unchecked[:UNCHECKED] if isinstance(one, str) and one.strip())
    return Said(claims=claims, cause=cause.strip()[:40], unchecked=told, answered=True)


def _native(name: str, arguments: str) -> dict[str, object]:
    found = parse_object(arguments)
    if found is None:
        found = {}
    return {"tool": name, "arguments": found}


def _list_calls(row: Mapping[str, object]) -> Iterator[Call]:
    """The calls that an object is, in the shapes that models and templates write."""
    several = row.get("tool_calls") or row.get("calls")
    if isinstance(several, list):
        for one in several[:CALLS]:
            if isinstance(one, Mapping):
                yield from _list_calls(one)
        return
    for key in _NAMES:
        value = row.get(key)
        if isinstance(value, Mapping):
            yield from _list_calls(value)
            return
        if isinstance(value, str) and value.strip():
            yield Call(tool=value.strip()[:80], arguments=_arguments(row))
            return


def _arguments(row: Mapping[str, object]) -> Mapping[str, object]:
    for key in _ARGUMENTS:
        value = row.get(key)
        if isinstance(value, str):
            value = parse_object(value)
        if isinstance(value, Mapping):
            return value
    return {key: value for key, value in row.items() if key not in (*_NAMES, *_ARGUMENTS, "id", "type")}


def _list_claims(found: object) -> Iterator[RawClaim]:
    if isinstance(found, str | Mapping):
        found = [found]
    if not isinstance(found, list):
        return
    for one in found[: 2 * CLAIMS]:
        if isinstance(one, str):
            yield from _split(one)
        elif isinstance(one, Mapping):
            text = next((one[key] for key in _TEXTS if isinstance(one.get(key), str)), "")
            cites = [part for key in _CITES for part in _list_ids(one.get(key))]
            yield from _claim(str(text), cites)


def _list_ids(found: object) -> Iterator[str]:
    if isinstance(found, str):
        yield from _ID.findall(found[:CLAIM_CHARS])
    elif isinstance(found, list):
        for one in found[:CITES]:
            if isinstance(one, str):
                yield from _ID.findall(one[:CLAIM_CHARS])


def _claim(text: str, cites: Iterable[str]) -> Iterator[RawClaim]:
    ids = tuple(dict.fromkeys([*cites, *_ID.findall(text[:CLAIM_CHARS])]))[:CITES]
    bare = _line(_CITED.sub("", _BULLET.sub("", text[: 2 * CLAIM_CHARS])))
    if any(char.isalpha() for char in bare):
        yield RawClaim(text=bare, cites=ids)


def _split(text: str) -> Iterator[RawClaim]:
    for part in _SENTENCE.split(text[: CLAIMS * CLAIM_CHARS])[: 2 * CLAIMS]:
        yield from _claim(part, ())


def _read_prose(text: str) -> Said:
    """Sentences that cite something are an answer, if not in the form that was asked for; others are none."""
    claims = tuple(_split(text))
    if any(one.cites for one in claims):
        return Said(claims=claims[:CLAIMS], answered=True)
    if not text:
        return Said(problem="the answer is empty")
    return Said(problem="the answer cites no evidence")


def _line(text: str) -> str:
    return cut_text(escape_controls(" ".join(text.split())), CLAIM_CHARS)
