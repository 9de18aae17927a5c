"""Reads one issue file (TOML) into an `Issue`, with every mistake in it at once.

A mistake names file, line, key, what was expected and the nearest valid word. The shape of each table is
data (`SHAPES`), so that the check, the message and the documentation cannot disagree.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keepwell.core.issue import Case, Command, Evidence, Fix, Issue, Rival

#: Longest issue file that is read, in bytes: the largest shipped one is far below; a mistyped path to a log is not.
FILE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in an issue file. `line` counts from 1 (0: not known); `fatal` ones keep the issue out."""

    file: str
    line: int
    key: str
    what: str
    fatal: bool = True

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place = f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.what}"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a key may hold: text, number, flag, texts, words (table of text), pairs (of check and facts), a
    list of tables of a shape, or one of some `choices`."""

    holds: str
    required: bool = False
    choices: tuple[str, ...] = ()
    shape: str = ""


SHAPES: Mapping[str, Mapping[str, Kind]] = {
    "issue": {
        "title": Kind("text", True),
        "family": Kind("text", True),
        "definition": Kind("text", True),
        "prior": Kind("number", True),
        "settle": Kind("text"),
        "settle_command": Kind("text"),
        "repair": Kind("text"),
        "prevention": Kind("text"),
        "versions": Kind("text"),
        "follow_ups": Kind("texts"),
        "after": Kind("texts"),
        "evidence": Kind("tables", True, shape="evidence"),
        "requires": Kind("tables", shape="requires"),
        "rivals": Kind("tables", shape="rivals"),
        "fixes": Kind("tables", shape="fixes"),
        "case": Kind("tables", shape="case"),
    },
    "evidence": {
        "say": Kind("text", True),
        "weight": Kind("number", True),
        "origin": Kind("text", choices=("default", "literature", "learned")),
        "match": Kind("texts"),
        "together": Kind("texts"),
        "unless": Kind("texts"),
        "check": Kind("text"),
        "status": Kind("text", choices=("bad", "ok")),
        "where": Kind("words"),
        "group": Kind("text"),
        "rules_out": Kind("flag"),
    },
    "requires": {
        "say": Kind("text"),
        "match": Kind("texts"),
        "together": Kind("texts"),
        "unless": Kind("texts"),
        "check": Kind("text"),
        "status": Kind("text", choices=("bad", "ok")),
        "where": Kind("words"),
    },
    "rivals": {"issue": Kind("text", True), "settle": Kind("text", True), "command": Kind("text")},
    "fixes": {
        "say": Kind("text", True),
        "supervisor": Kind("text", choices=("any", "systemd", "launchd", "container", "process")),
        "where": Kind("words"),
        "commands": Kind("tables", shape="command"),
        "side_effects": Kind("text"),
        "undo": Kind("text"),
    },
    "command": {"argv": Kind("texts", True), "root": Kind("flag"), "background": Kind("flag")},
    "case": {"name": Kind("text", True), "text": Kind("text"), "findings": Kind("pairs")},
}

_WORDS = {
    "text": "text",
    "number": "a finite number",
    "flag": "true or false",
    "texts": "a list of text",
    "words": "a table of text",
    "pairs": 'a list of ["check.id", {fact = "value"}]',
    "tables": "tables",
}


def parse_table(content: bytes, file: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The table that a file holds (None if `build_issue` could not use it) and all that is wrong with its shape."""
    if len(content) > FILE_BYTES:
        return None, [Problem(file=file, line=0, key="file", what=f"larger than {FILE_BYTES} bytes")]
    try:
        text = content.decode("utf-8")
        table = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, [Problem(file=file, line=_line_of(error), key="file", what=f"is not TOML: {error}")]
    problems = [
        Problem(file=file, line=find_line(text, key), key=key, what=what)
        for key, what in _check_table("issue", table, "")
    ]
    if problems:
        return None, problems
    return table, []


def build_issue(name: str, table: Mapping[str, Any]) -> Issue:
    """The issue of a table that `parse_table` found sound."""
    given = {key: value for key, value in table.items() if key not in _LISTS}
    given["follow_ups"] = tuple(table.get("follow_ups", ()))
    given["after"] = tuple(table.get("after", ()))
    given["evidence"] = tuple(_build_evidence(one) for one in table["evidence"])
    given["requires"] = tuple(_build_evidence({"say": "", "weight": 0.0, **one}) for one in table.get("requires", ()))
    given["rivals"] = tuple(Rival(**one) for one in table.get("rivals", ()))
    given["fixes"] = tuple(_build_fix(one) for one in table.get("fixes", ()))
    given["cases"] = tuple(_build_case(one) for one in table.get("case", ()))
    given["prior"] = float(given["prior"])
    return Issue(id=name, **given)


def patterns_of(issue: Issue) -> tuple[str, ...]:
    """Every signature that the issue's evidence, requirements and follow-ups are made of, once."""
    found: dict[str, None] = {}
    for one in (*issue.evidence, *issue.requires):
        found.update(dict.fromkeys((*one.match, *one.together, *one.unless)))
    found.update(dict.fromkeys(issue.follow_ups))
    return tuple(found)


def find_line(text: str, key: str) -> int:
    """The first line (from 1) that holds the last word of a dotted key, 0 if none does."""
    word = key.rsplit(".", 1)[-1].split("[")[0]
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip("[ ").startswith(word):
            return number
    return 0


def _line_of(error: Exception) -> int:
    words = str(error).split("(at line ")
    if len(words) < 2:
        return 0
    digits = words[1].split(",")[0]
    return int("".join(c for c in digits if c.isdigit()) or 0)


def _check_table(shape: str, table: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    keys = SHAPES[shape]
    for key, value in table.items():
        if key in keys:
            yield from _check_value(keys[key], value, f"{path}{key}")
            continue
        near = difflib.get_close_matches(key, keys, n=1)
        hint = "".join(f"; did you mean {word!r}?" for word in near) or f"; known: {', '.join(keys)}"
        yield f"{path}{key}", f"is not a key of {shape}{hint}"
    for key, kind in keys.items():
        if kind.required and key not in table:
            yield f"{path}{key}", f"is missing: expected {_WORDS[kind.holds]}"


def _check_value(kind: Kind, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if not _FITS[kind.holds](value):
        yield path, f"expected {_WORDS[kind.holds]}, got {str(value)[:60]!r}"
    elif kind.choices and value not in kind.choices:
        near = difflib.get_close_matches(str(value), kind.choices, n=1)
        hint = "".join(f"; did you mean {word!r}?" for word in near)
        yield path, f"expected one of {', '.join(kind.choices)}, got {value!r}{hint}"
    elif kind.holds == "tables":
        for index, inner in enumerate(value):
            yield from _check_table(kind.shape, inner, f"{path}[{index}].")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_words(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and _is_words(value[1])


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(_is_pair(one) for one in value)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_FITS = {
    "text": _is_text,
    "number": _is_number,
    "flag": _is_flag,
    "texts": _is_texts,
    "words": _is_words,
    "pairs": _is_pairs,
    "tables": _is_tables,
}


_LISTS = frozenset({"follow_ups", "evidence", "requires", "rivals", "fixes", "case"})


def _build_evidence(table: Mapping[str, Any]) -> Evidence:
    given = {key: _frozen(value) for key, value in table.items()}
    given["weight"] = float(table["weight"])
    return Evidence(**given)


def _build_fix(table: Mapping[str, Any]) -> Fix:
    given = {key: _frozen(value) for key, value in table.items()}
    given["commands"] = tuple(
        Command(**{key: _frozen(value) for key, value in one.items()}) for one in table.get("commands", ())
    )
    return Fix(**given)


def _build_case(table: Mapping[str, Any]) -> Case:
    findings = tuple((check, dict(facts)) for check, facts in table.get("findings", ()))
    return Case(name=table["name"], text=table.get("text", ""), findings=findings)


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return value
