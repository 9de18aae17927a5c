"""A template: what is sent for a row of a table, with its columns put in place of `{name}`. Pure; nothing is ever run.

`{{` and `}}` are braces. Under `parameters` a text that is one `{name}` and nothing else keeps the column's own type
(`max_tokens = "{limit}"`); elsewhere every value becomes text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from keepwell.core.errors import ConfigurationError

#: Bytes of a template's file: far above any prompt that a person writes.
TEMPLATE_BYTES = 1024 * 1024
#: How deep a template may be nested: a message with parts is four deep.
DEPTH = 32
#: Names of columns that an error lists.
SHOWN = 12
CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
_KEYS = frozenset({"model", "url", "custom_id", "system", "prompt", "messages", "input", "parameters"})
_PART = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")
_TRUTH: Mapping[bool, str] = {True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class _Text:
    """Texts, and names of columns between them: even places are texts."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    """A column's value as it is."""

    name: str


_Node: TypeAlias = "str | int | float | bool | _Text | _Column | list[_Node] | dict[str, _Node] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What is sent for a row: made by `parse_template` or `make_template`. `columns` are those that every row needs."""

    path: str
    columns: frozenset[str]
    body: _Node
    custom_id: _Node = ""
    #: What makes this template this one, for a digest.
    source: bytes = field(default=b"", repr=False)

    def render(self, row: Mapping[str, object]) -> bytes:
        """The JSON of the request. Raises ValueError that names a column that the row has not."""
        return msgspec.json.encode(_fill(self.body, row))

    def name(self, row: Mapping[str, object]) -> str:
        """The custom_id of a row; "" where the template does not say. Raises ValueError."""
        return str(_fill(self.custom_id, row))


def make_template(prompt: str, *, model: str, system: str = "") -> Template:
    """The template of `--prompt`: one message of the user's. Raises ConfigurationError."""
    return _build({"prompt": prompt, "model": model, "system": system}, "--prompt", "")


def parse_template(content: bytes, where: str, *, model: str = "") -> Template:
    """The template in a file, TOML or (beginning with `{`) JSON; `model` counts above the file's own. Raises
    ConfigurationError with the file and what is wrong in it.
    """
    try:
        text = content.decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            found: object = msgspec.json.decode(text)
        else:
            found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also what msgspec and tomllib raise
        raise ConfigurationError(f"this is no template: {error}", where=where) from error
    if not isinstance(found, dict):
        raise ConfigurationError("a template is a table of settings", where=where)
    return _build(found, where, model)


def _build(found: Mapping[str, object], where: str, model: str) -> Template:
    strange = sorted(set(found) - _KEYS)
    if strange:
        known = ", ".join(sorted(_KEYS))
        raise ConfigurationError(f"a template has no {strange[0]!r}", where=where, hint=f"it may have: {known}")
    body = {"model": model or found.get("model") or "", **_build_question(found, where)}
    if not body["model"]:
        raise ConfigurationError("no model is named", where=where, hint='--model NAME, or model = "NAME" in it')
    parameters = found.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ConfigurationError("parameters is a table", where=where)
    columns: set[str] = set()
    try:
        compiled = _compile(body, columns, 0, typed=False)
        own = _compile(parameters, columns, 0, typed=True)
        name = _compile(found.get("custom_id", ""), columns, 0, typed=False)
        source = msgspec.json.encode({**found, "model": body["model"]}, order="deterministic", enc_hook=str)
    except ValueError as error:  # also for text that cannot be sent as UTF-8
        raise ConfigurationError(str(error), where=where) from error
    assert isinstance(compiled, dict)
    assert isinstance(own, dict)
    path = str(found.get("url") or {True: EMBEDDINGS}.get("input" in found, CHAT))
    if not path.startswith("/"):
        raise ConfigurationError(f"url is a path such as {CHAT}, not {path!r}", where=where)
    merged: dict[str, _Node] = {**own, **compiled}
    return Template(path=path, columns=frozenset(columns), body=merged, custom_id=name, source=source)


def _build_question(found: Mapping[str, object], where: str) -> dict[str, object]:
    given = [name for name in ("prompt", "messages", "input") if name in found]
    if len(given) != 1:
        raise ConfigurationError(
            "a template says what is asked, once", where=where, hint="give one of prompt, messages and input"
        )
    if given == ["input"]:
        return {"input": found["input"]}
    messages = found.get("messages") or [{"role": "user", "content": found.get("prompt")}]
    if not isinstance(messages, list) or not all(isinstance(one, dict) and "role" in one for one in messages):
        raise ConfigurationError("messages is a list of tables with a role and a content", where=where)
    if found.get("system"):
        messages = [{"role": "system", "content": found["system"]}, *messages]
    return {"messages": messages}


def _compile(value: object, columns: set[str], depth: int, *, typed: bool) -> _Node:
    if depth > DEPTH:
        raise ValueError(f"it is nested deeper than {DEPTH}")
    if isinstance(value, str):
        return _compile_text(value, columns, typed=typed)
    if isinstance(value, dict):
        return {str(key): _compile(one, columns, depth + 1, typed=typed) for key, one in value.items()}
    if isinstance(value, list):
        return [_compile(one, columns, depth + 1, typed=typed) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)  # TOML's dates and times


def _compile_text(text: str, columns: set[str], *, typed: bool) -> _Node:
    parts, literal, end = [], "", 0
    for found in _PART.finditer(text):
        literal += text[end : found.start()]
        end = found.end()
        if found[1] is not None:
            parts += [literal, found[1].strip()]
            literal = ""
        elif len(found[0]) == 2:
            literal += found[0][0]
        else:
            raise ValueError(f"a lone {found[0]} at character {found.start() + 1} of {text[:80]!r}; {{{{ is a brace")
    literal += text[end:]
    if not parts:
        return literal
    columns.update(parts[1::2])
    if typed and len(parts) == 2 and not parts[0] and not literal:
        return _Column(parts[1])
    return _Text((*parts, literal))


def _fill(node: _Node, row: Mapping[str, object]) -> object:
    if isinstance(node, _Text):
        parts = list(node.parts)
        parts[1::2] = [_say(_get(row, name)) for name in parts[1::2]]
        return "".join(parts)
    if isinstance(node, dict):
        return {key: _fill(one, row) for key, one in node.items()}
    if isinstance(node, list):
        return [_fill(one, row) for one in node]
    if isinstance(node, _Column):
        return _get(row, node.name)
    return node


def _get(row: Mapping[str, object], name: str) -> object:
    try:
        return row[name]
    except KeyError:
        there = ", ".join(list(row)[:SHOWN]) + ", ..." * (len(row) > SHOWN)
        raise ValueError(f"no column {name!r}; there are: {there or 'none'}") from None


def _say(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return _TRUTH[value]
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)
