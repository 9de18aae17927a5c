"""YAML as people write settings in it: mappings and lists by indentation, as nested Python values.

Only that part of the language: no anchors, tags, block texts or keys of several words in quotes. What is not of it
is left out, so that a text around a pasted file does no harm. Scalars stay as they are written, without quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Node: TypeAlias = "str | list[Node] | dict[str, Node]"

#: Levels that are followed.
DEPTH = 24
_ENTRY = re.compile(r"^(?P<key>\"[^\"]{1,100}\"|'[^']{1,100}'|[\w./$-]{1,100}) ?:(?:\s+(?P<value>\S.*?))?\s*$")
_COMMENT = re.compile(r"\s+#.*$")


@dataclass(frozen=True, slots=True)
class Row:
    """One line that says something: its number, its indentation, its text without comment."""

    number: int
    indent: int
    text: str


def parse_rows(lines: Sequence[tuple[int, str]]) -> list[Row]:
    """The lines (number and text) that are not blank or a comment."""
    rows = []
    for number, text in lines:
        plain = _COMMENT.sub("", text.replace("\t", "  ")).rstrip()
        bare = plain.lstrip(" ")
        if bare and not bare.startswith("#"):
            rows.append(Row(number, len(plain) - len(bare), bare))
    return rows


def parse_indented(rows: Sequence[Row]) -> Node:
    """The value that these rows are: a mapping, a list, or "" where they are neither."""
    found, _ = _block(rows, 0, -1, 0)
    return found


def walk(node: Node, *keys: str) -> Node:
    """What lies under these keys of nested mappings; "" where one is not there."""
    for key in keys:
        if not isinstance(node, dict) or key not in node:
            return ""
        node = node[key]
    return node


def texts(node: Node) -> list[str]:
    """The scalars of a list, or of one scalar, or `key=value` of a mapping."""
    if isinstance(node, str):
        return [node] * bool(node)
    if isinstance(node, dict):
        return [f"{key}={value}" for key, value in node.items() if isinstance(value, str)]
    return [one for one in node if isinstance(one, str)]


def _block(rows: Sequence[Row], place: int, outside: int, depth: int) -> tuple[Node, int]:
    """The block of rows deeper than `outside` that begins here, and the place after it."""
    if place >= len(rows) or rows[place].indent <= outside or depth > DEPTH:
        return "", place
    indent = rows[place].indent
    if rows[place].text.startswith("- ") or rows[place].text == "-":
        return _list(rows, place, indent, depth)
    found: dict[str, Node] = {}
    while place < len(rows) and rows[place].indent > outside:
        entry = _ENTRY.match(rows[place].text)
        if rows[place].indent != indent or entry is None:
            place += 1
            continue
        key, value = _plain(entry["key"]), entry["value"] or ""
        place += 1
        if value and value not in ("|", ">", "|-", ">-"):
            found[key] = _scalar(value)
            continue
        inner, after = _block(rows, place, _outside(rows, place, indent), depth + 1)
        found.setdefault(key, inner)
        place = max(place, after)
    return found, place


def _outside(rows: Sequence[Row], place: int, indent: int) -> int:
    """A list may stand at the indentation of its own key."""
    if place < len(rows) and rows[place].indent == indent and rows[place].text.startswith("-"):
        return indent - 1
    return indent


def _list(rows: Sequence[Row], place: int, indent: int, depth: int) -> tuple[Node, int]:
    found: list[Node] = []
    while place < len(rows) and rows[place].indent == indent and rows[place].text.startswith("-"):
        text = rows[place].text[1:].strip()
        place += 1
        end = place
        while end < len(rows) and rows[end].indent > indent:
            end += 1
        if _ENTRY.match(text):
            deeper = indent + 2
            head = Row(rows[place - 1].number, deeper, text)
            inner = [head, *(Row(one.number, max(one.indent, deeper), one.text) for one in rows[place:end])]
            item, _ = _block(inner, 0, indent, depth + 1)
            found.append(item)
        elif text:
            found.append(_scalar(text))
        place = end
    return found, place


def _scalar(text: str) -> Node:
    if text.startswith("[") and text.endswith("]"):
        return [_plain(one.strip()) for one in text[1:-1].split(",") if one.strip()]
    if text.startswith("{") and text.endswith("}"):
        pairs = (one.partition(":") for one in text[1:-1].split(","))
        return {_plain(key.strip()): _plain(value.strip()) for key, colon, value in pairs if colon}
    return _plain(text)


def _plain(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
