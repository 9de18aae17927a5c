"""Tools as a model sees them: few, chosen by the question; what it calls is mended where that is safe, else refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal, TypeAlias

from keepwell.ask.records import find_words

ValueKind: TypeAlias = Literal["text", "whole", "flag"]
#: Tools that are offered with one question: small models lose their way among more.
OFFERED = 5
#: The word of a tool that helps with questions of every kind.
ANYTHING = "anything"
#: How like a name must be to be taken for another one.
LIKE = 0.75
#: Values of text: names of models and series, lengths of time, numbers with units. Nothing that is a path, an address
#: with a login, a URL or a flag.
_TEXT = re.compile(r"(?![./~-])(?!.*(?:\.\.|://|@|\\))[\w .:%/+-]{1,120}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamForm:
    """One parameter: what its value is, the bounds of a whole number, and the only texts allowed if there are any."""

    name: str
    kind: ValueKind
    what: str
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolForm:
    """A tool that reads: its name, one sentence, parameters, and words of questions that it helps with, parted by
    blanks.
    """

    name: str
    what: str
    words: str = ""
    params: tuple[ParamForm, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A call that may run, or why not (`problem`); `notes` say what was mended."""

    tool: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""
    notes: tuple[str, ...] = ()


def choose_tools(question: str, tools: Iterable[ToolForm], most: int = OFFERED) -> tuple[ToolForm, ...]:
    """The few that the question's words ask for; those for anything fill up."""
    asked = find_words(question)
    rows = [(_score(one, asked), one) for one in tools]
    ranked = sorted(rows, key=_by_score)
    return tuple(one for score, one in ranked[:most] if score)


def _score(tool: ToolForm, asked: frozenset[str]) -> float:
    named = len(find_words(tool.words) & asked)
    told = len(find_words(f"{tool.name} {tool.what}") & asked)
    return 3 * named + told + 0.5 * (ANYTHING in tool.words.split())


def _by_score(row: tuple[float, ToolForm]) -> float:
    return -row[0]


def make_schema(tool: ToolForm) -> dict[str, object]:
    """The strict JSON schema of its arguments."""
    kinds = {"text": "string", "whole": "integer", "flag": "boolean"}
    properties: dict[str, object] = {}
    for one in tool.params:
        row: dict[str, object] = {"type": kinds[one.kind], "description": one.what}
        if one.choices:
            row["enum"] = list(one.choices)
        bounds = {"minimum": one.minimum, "maximum": one.maximum}
        properties[one.name] = row | {name: value for name, value in bounds.items() if value is not None}
    required = [one.name for one in tool.params if one.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def check_call(tools: Iterable[ToolForm], name: str, given: Mapping[str, object]) -> Checked:
    """Whether this call may run, with its names and types mended. Nothing but the tools given can come out of it."""
    known = {one.name: one for one in tools}
    found = _find_name(name, known)
    if not found:
        return Checked(problem=f"there is no such tool; there are: {', '.join(known) or 'none'}")
    notes = [f"a wrong name of the tool {found} was mended"] * (found != name)
    tool = known[found]
    params = {one.name: one for one in tool.params}
    arguments: dict[str, object] = {}
    for key, value in given.items():
        param = params.get(_find_name(str(key), params))
        if value is None or value == "":
            continue
        if param is None:
            notes.append(f"{found}: a parameter that it does not have was left out")
            continue
        made, problem = _take(param, value)
        if problem:
            return Checked(problem=f"{found}: {param.name}: {problem}")
        notes += [f"{found}: the value of {param.name} was mended"] * (made != value)
        arguments[param.name] = made
    lacking = [one.name for one in tool.params if one.required and one.name not in arguments]
    if lacking:
        return Checked(problem=f"{found} needs {lacking[0]}")
    return Checked(tool=found, arguments=arguments, notes=tuple(notes))


def _find_name(name: str, known: Mapping[str, object]) -> str:
    """The known name that is meant, "" where none is near enough."""
    if name in known:
        return name
    bare = {_bare(one): one for one in known}
    found = get_close_matches(_bare(name[:80]), list(bare), n=1, cutoff=LIKE)
    return "".join(bare[one] for one in found)


def _bare(name: str) -> str:
    last = name.lower().rpartition(".")[2].removeprefix("keepwell_")
    return "".join(char for char in last if char.isalnum())


def _take(param: ParamForm, value: object) -> tuple[object, str]:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if param.kind == "flag":
        return _take_flag(value)
    if param.kind == "whole":
        return _take_whole(param, value)
    return _take_text(param, value)


def _take_flag(value: object) -> tuple[object, str]:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    found = words.get(str(value).lower())
    if found is None:
        return False, "true or false"
    return found, ""


def _take_whole(param: ParamForm, value: object) -> tuple[object, str]:
    text = str(value).strip().removesuffix(".0")
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,9}", text):
        return 0, "a whole number"
    found = int(text)
    low, high = param.minimum, param.maximum
    if (low is not None and found < low) or (high is not None and found > high):
        return 0, "a number within its bounds"
    return found, ""


def _take_text(param: ParamForm, value: object) -> tuple[object, str]:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "", "a text"
    text = str(value).strip()
    if param.choices:
        found = [one for one in param.choices if one.lower() == text.lower()]
        return "".join(found[:1]), f"one of {', '.join(param.choices[:20])}" * (not found)
    if not _TEXT.fullmatch(text):
        return "", "a short name, without paths, addresses and signs"
    return text, ""
