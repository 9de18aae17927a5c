"""Change one key of keepwell.toml, every other byte kept: comments, order and spelling are their owner's."""

from __future__ import annotations

import tomllib
from typing import Any

from keepwell.config.toml_lines import KeyPath, TomlLines


def set_key(text: str, path: KeyPath, value: str) -> str:
    """The text with this key set, `value` as TOML writes it. A table that is not there is put at the end.

    `path` is a table's name (or an array's, and a number) and the key. Raises ValueError where the text is no TOML, or
    the key stands so that it cannot be changed alone (in a table in braces, with dots).
    """
    before = tomllib.loads(text)
    wished = tomllib.loads(f"x = {value}")["x"]
    table = _find(before, path[:-1])
    if isinstance(table, dict) and table.get(str(path[-1])) == wished:
        return text
    edited = _edit(text, path, value, table)
    if tomllib.loads(edited) != _expected(before, path, wished):
        raise ValueError(f"{path[-1]} cannot be changed alone where it stands")
    return edited


def _edit(text: str, path: KeyPath, value: str, table: object) -> str:
    lines = text.splitlines(keepends=True)
    end = "\r\n" * text.endswith("\r\n") or "\n"
    written = f"{path[-1]} = {value}{end}"
    if not isinstance(table, dict):
        gap = end * bool(text.strip())
        return f"{_ended(text, end)}{gap}[{'.'.join(map(str, path[:-1]))}]{end}{written}"
    where = TomlLines(text)
    if path[-1] in table:
        first = where.line(path) - 1
        after = first + _length(lines[first:])
        comment = _comment("".join(lines[first:after]).rstrip("\r\n"))
        written = f"{path[-1]} = {value}{comment}{end}"
        return "".join([*lines[:first], written, *lines[after:]])
    header = where.line(path[:-1])
    return "".join([*lines[: header - 1], _ended(lines[header - 1], end), written, *lines[header:]])


def _length(lines: list[str]) -> int:
    """How many lines the key on the first one takes: a list may go over several."""
    for count in range(1, len(lines) + 1):
        try:
            tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        return count
    return 1


def _comment(statement: str) -> str:
    """What follows the value on its last line, with the blanks before it; "" if nothing does."""
    whole = tomllib.loads(statement)
    last = statement.rpartition("\n")[2]
    for place in (place for place, char in enumerate(last) if char == "#"):
        head = statement[: len(statement) - len(last) + place]
        try:
            same = tomllib.loads(head) == whole
        except tomllib.TOMLDecodeError:
            continue
        if same:
            return statement[len(head.rstrip()) :]
    return ""


def _ended(text: str, end: str) -> str:
    """The text with its last line ended."""
    return text + end * (bool(text) and not text.endswith("\n"))


def _find(document: Any, path: KeyPath) -> object:
    for key in path:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _expected(document: dict[str, Any], path: KeyPath, value: object) -> dict[str, Any]:
    """The document with the key set; tables on the way are made."""
    *tables, key = path
    place: Any = document
    for one in tables:
        if isinstance(one, int):
            place = place[one]
            continue
        place = place.setdefault(one, {})
    place[str(key)] = value
    return document
