"""Where in a TOML text a key stands: `tomllib` gives values without lines, and an error without a line is a riddle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

#: A place in the document: keys, and positions in arrays of tables.
KeyPath: TypeAlias = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # strings over several lines
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n|[\[\]{}=,.]"
    r"|[^\s\[\]{}=,.\"'#]+",
    re.DOTALL,
)
_OPEN = {"[": 1, "{": 1, "]": -1, "}": -1}


class TomlLines:
    """The line of every key of a TOML text that `tomllib` has accepted."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        table: KeyPath = ()
        for line, tokens in _statements(text):
            if tokens[0] == "[":
                table = self._enter(tokens, line)
            else:
                key = _key(tokens[: tokens.index("=")])
                self._note((*table, *key), line)

    def line(self, path: KeyPath) -> int:
        """The line (from 1) of a key, or of the nearest thing that holds it; 1 when nothing does."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _enter(self, tokens: list[str], line: int) -> KeyPath:
        """The path of a `[table]` or of one more `[[table]]`."""
        several = tokens[1] == "["
        keys = _key([one for one in tokens if one not in "[]"])
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self._newest((*path, key))
        path = (*path, keys[-1])
        if several:
            self._note(path, line)
            path = (*path, self._count(path))
        self._note(path, line)
        return path

    def _newest(self, path: KeyPath) -> KeyPath:
        count = self._count(path)
        if count:
            return (*path, count - 1)
        return path

    def _count(self, path: KeyPath) -> int:
        count = 0
        while (*path, count) in self._lines:
            count += 1
        return count

    def _note(self, path: KeyPath, line: int) -> None:
        self._lines.setdefault(path, line)


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each header or `key = value` as its first line and tokens; a value may go over several lines."""
    line, depth, start = 1, 0, 1
    tokens: list[str] = []
    for found in _TOKEN.finditer(text + "\n"):
        token = found[0]
        if token == "\n" and depth == 0:
            if tokens:
                yield start, tokens
            tokens = []
        elif token != "\n" and not token.startswith("#"):
            if not tokens:
                start = line
            tokens.append(token)
            depth += _OPEN.get(token, 0)
        line += token.count("\n")


def _key(tokens: list[str]) -> tuple[str, ...]:
    """The parts of a key, without quotes."""
    return tuple(token.strip("\"'") for token in tokens if token != ".")
