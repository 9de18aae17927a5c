"""Mistakes in keepwell.toml: each with its line, its key and the nearest valid word, and all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from keepwell.config.toml_lines import KeyPath, TomlLines
from keepwell.core.errors import ConfigurationError

#: Mistakes that are listed; more than these help nobody.
PROBLEMS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: where (`line` from 1, `key` such as `engine[0].kind`), what is wrong, what was expected.

    `nearest` is the valid word that looks most like the one that was written, or "".
    """

    line: int
    key: str
    what: str
    expected: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        parts = [f"{self.key}: {self.what}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.nearest:
            parts.append(f"did you mean {self.nearest!r}?")
        return "; ".join(parts)


class InvalidConfig(ConfigurationError):
    """The file has mistakes; `problems` are all of them, in the order of their lines."""

    def __init__(self, path: Path, problems: Collection[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_line))
        lines = [f"{path}:{one.line}: {one}" for one in self.problems[:PROBLEMS]]
        if len(self.problems) > PROBLEMS:
            lines.append(f"and {len(self.problems) - PROBLEMS} more")
        super().__init__("\n".join(lines))


class Problems:
    """Collects the mistakes of one document, which has these lines."""

    def __init__(self, lines: TomlLines) -> None:
        self.found: list[Problem] = []
        self._lines = lines

    def add(self, path: KeyPath, what: str, *, expected: str = "", nearest: str = "") -> None:
        """One more."""
        line = self.line(path)
        self.found.append(Problem(line=line, key=_render_path(path), what=what, expected=expected, nearest=nearest))

    def line(self, path: KeyPath) -> int:
        """The line (from 1) of a key, or of the nearest thing that holds it."""
        return self._lines.line(path)


def find_nearest(word: str, words: Collection[str]) -> str:
    """The one of these words that looks most like this one, or ""."""
    found = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.5)
    return "".join(found)


def _render_path(path: KeyPath) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}"
    return text.lstrip(".")


def _line(problem: Problem) -> int:
    return problem.line
