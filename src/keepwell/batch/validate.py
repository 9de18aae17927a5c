"""What an answer has to be: whole, JSON, JSON of a schema, of a pattern, not too long. Pure; nothing is fetched or run.

The `Judge` of a job (`keepwell.batch.job`): it tells why an answer is not taken, in words that the model is told too.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from keepwell.batch.answer import Said, read_answer
from keepwell.batch.item import Task
from keepwell.core.errors import ConfigurationError
from keepwell.core.text import cut_text

#: Characters of an answer that a pattern is tried on: the pattern is its owner's, its time grows with the text.
PATTERN_CHARACTERS = 65_536
#: Characters of the refused answer that the model is shown again, and of a reason.
SHOWN_CHARACTERS, WHY_CHARACTERS = 8_000, 300
#: How an answer begins that was cut by a limit of tokens; both engines' and OpenAI's word.
CUT = "length"
AGAIN = "That answer was not taken: {why}. Answer the same again so that it is right; give the answer alone."


class Rule(Protocol):
    """One thing that an answer has to be."""

    def judge(self, said: Said) -> str:
        """Why it is not, "" if it is."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """All of several; the first that is broken is told."""

    rules: tuple[Rule, ...]

    def judge(self, task: Task, body: bytes) -> str:
        """Why this answer is not taken, "" for one that is."""
        said = read_answer(body)
        return next((why for one in self.rules if (why := one.judge(said))), "")

    def ask_again(self, task: Task, body: bytes, why: str) -> bytes:
        """The request with the refused answer and what was wrong with it behind; the same where it is no chat."""
        asked = msgspec.json.decode(task.body, type=dict[str, Any])
        messages = asked.get("messages")
        if not isinstance(messages, list):
            return task.body
        refused = cut_text(read_answer(body).text, SHOWN_CHARACTERS)
        more = [{"role": "assistant", "content": refused}, {"role": "user", "content": AGAIN.format(why=why)}]
        return msgspec.json.encode({**asked, "messages": [*messages, *more]})


@dataclass(frozen=True, slots=True)
class Whole:
    """Not cut by a limit of tokens."""

    def judge(self, said: Said) -> str:
        """Why it is not, "" if it is."""
        return "it was cut at the limit of tokens" * (said.finish == CUT)


@dataclass(frozen=True, slots=True)
class Json:
    """JSON and nothing around it."""

    def judge(self, said: Said) -> str:
        """Why it is not, "" if it is."""
        return _parse(said.text)[1]


class Schema:
    """JSON of a schema (JSON Schema, 2020-12 unless it names another). What it refers to must stand in it."""

    def __init__(self, schema: Mapping[str, object], where: str = "") -> None:
        """Raises ConfigurationError for what is no schema."""
        jsonschema = importlib.import_module("jsonschema")
        known = importlib.import_module("jsonschema_specifications").REGISTRY
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ConfigurationError(f"this is no JSON schema: {error.message}", where=where) from error
        # without a registry of its own the library would fetch addresses that a schema names
        self._validator = kind(schema, registry=known)
        self._unknown = importlib.import_module("referencing.exceptions").Unresolvable

    def judge(self, said: Said) -> str:
        """Why it is not, "" if it is."""
        found, why = _parse(said.text)
        if why:
            return why
        try:
            error = next(self._validator.iter_errors(found), None)
        except self._unknown as lacking:
            return cut_text(f"the schema refers to what is not in it: {lacking}", WHY_CHARACTERS)
        except RecursionError:
            return "it is nested too deeply"
        if error is None:
            return ""
        return cut_text(f"at {error.json_path}: {error.message}", WHY_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text in which the pattern is found."""

    pattern: re.Pattern[str]

    def judge(self, said: Said) -> str:
        """Why it is not, "" if it is."""
        if self.pattern.search(said.text[:PATTERN_CHARACTERS]) is not None:
            return ""
        return cut_text(f"it does not match {self.pattern.pattern}", WHY_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Short:
    """A text of at most so many characters."""

    characters: int

    def judge(self, said: Said) -> str:
        """Why it is not, "" if it is."""
        if len(said.text) <= self.characters:
            return ""
        return f"it has {len(said.text)} characters, {self.characters} are the most"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """What an owner wishes of answers: the flags of a command. `schema` is the content of a file."""

    whole: bool = False
    json: bool = False
    schema: bytes = b""
    pattern: str = ""
    characters: int = 0
    where: str = ""


def make_rules(wished: Wished) -> Rules | None:
    """The judge, None where nothing is wished. Raises ConfigurationError for a schema or pattern that is none."""
    rules = tuple(_find_rules(wished))
    if not rules:
        return None
    return Rules(rules)


def _find_rules(wished: Wished) -> Iterable[Rule]:
    if wished.whole or wished.json or wished.schema:
        yield Whole()
    if wished.schema:
        yield Schema(_load_schema(wished), wished.where)
    elif wished.json:
        yield Json()
    if wished.pattern:
        yield Pattern(_load_pattern(wished.pattern))
    if wished.characters:
        yield Short(wished.characters)


def _load_schema(wished: Wished) -> dict[str, object]:
    try:
        return msgspec.json.decode(wished.schema, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"this is no JSON schema: {error}", where=wished.where) from error


def _load_pattern(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigurationError(f"this is no pattern: {error}", where=pattern) from error


def _parse(text: str) -> tuple[object, str]:
    """The JSON, or why it is none."""
    try:
        return msgspec.json.decode(text), ""
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith("```"):
            return None, "the JSON stands in a code fence; give the JSON alone"
        return None, cut_text(f"it is no JSON: {error}", WHY_CHARACTERS)
