"""A text with everything blanked that does nothing: comments, texts that explain, and what a notebook shows.

The view has the length and the lines of the text, so that a place in one is a place in the other. Linear in time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from keepwell.audit.tongue import Tongue

_BLANKED = re.compile(r"[^\n\r]")
_DOUBLE = r'"(?:\\.|[^"\\\n])*"'
_SINGLE = r"'(?:\\.|[^'\\\n])*'"
_BACK = r"`(?:\\.|[^`\\])*(?:`|\Z)"
_SLASHES = r"(?P<drop>(?<!:)//[^\n]*|/\*.*?(?:\*/|\Z)|<!--.*?(?:-->|\Z))"
_HASH = r"(?P<drop>(?:^|(?<=[\s;]))#[^\n]*)"
#: A text in three quotes that begins a line explains; any other is a value.
_EXPLAINS = (
    r"(?P<drop>^[ \t]*[rRuU]?(?:\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)|'''(?:\\.|[^\\])*?(?:'''|\Z))|#[^\n]*)"
    r"|\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)|'''(?:\\.|[^\\])*?(?:'''|\Z)"
)
#: What is escaped outside a string begins none: so no line is searched once for each of its quotes.
_ESCAPED = r"\\."
_FLAGS = re.MULTILINE | re.DOTALL
_MADE = {
    "python": f"{_EXPLAINS}|{_DOUBLE}|{_SINGLE}",
    "script": f"{_HASH}|{_DOUBLE}|{_SINGLE}",
    "data": rf"(?P<drop>(?:^|(?<=\s))#[^\n]*|^[ \t]*;[^\n]*)|{_DOUBLE}|{_SINGLE}",
    "javascript": f"{_SLASHES}|{_DOUBLE}|{_SINGLE}|{_BACK}",
    "go": f"{_SLASHES}|{_DOUBLE}|'(?:\\\\.|[^'\\\\\\n])'|{_BACK}",
    "rust": f"{_SLASHES}|{_DOUBLE}|'(?:\\\\.|[^'\\\\\\n])'",
    "jvm": f"{_SLASHES}|{_DOUBLE}|{_SINGLE}",
    "c": f"{_SLASHES}|{_DOUBLE}|{_SINGLE}",
    "plain": r"(?P<drop><!--.*?(?:-->|\Z))",
}
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(f"{text}|{_ESCAPED}", _FLAGS) for name, text in _MADE.items()
}
#: Where a notebook says which kind of cell follows, and where the lines of its source begin and end.
_CELL = re.compile(r'^\s*"cell_type":\s*"(\w+)"')
_SOURCE = re.compile(r'^\s*"source":\s*\[\s*$')
_SOURCE_END = re.compile(r"^\s*\],?\s*$")
_SOURCE_LINE = re.compile(r'^(?P<head>\s*")(?P<code>.*?)(?P<tail>(?:\\n)?",?)\s*$')


def render_view(text: str, tongue: Tongue) -> str:
    """The text with what does nothing blanked; the same length."""
    if tongue == "prose":
        return _blank(text)
    if tongue == "notebook":
        text, tongue = _open_notebook(text), "python"
    pattern = _PATTERNS.get(tongue)
    if pattern is None:
        return text
    return pattern.sub(_keep, text)


def _keep(found: re.Match[str]) -> str:
    """What was found, blanked where it is a comment."""
    if found["drop"] is None:
        return found[0]
    return _blank(found[0])


def _blank(text: str) -> str:
    return _BLANKED.sub(" ", text)


def _open_notebook(text: str) -> str:
    """The code of a notebook whose lines stand one by one; all else, and the quotes around a line, are blanks."""
    rows: list[str] = []
    kind, inside = "", False
    for bare in text.split("\n"):
        cell = _CELL.match(bare)
        if cell:
            kind = cell[1]
        if inside and _SOURCE_END.match(bare):
            inside = False
        shown = _blank(bare)
        if inside:
            shown = _open_line(bare)
        inside = inside or (kind == "code" and bool(_SOURCE.match(bare)))
        rows.append(shown)
    return "\n".join(rows)


def _open_line(line: str) -> str:
    found = _SOURCE_LINE.match(line)
    if found is None:
        return _blank(line)
    code = found["code"].replace('\\"', ' "').replace("\\\\", " \\").replace("\\t", "  ").replace("\\n", "  ")
    return (" " * len(found["head"]) + code).ljust(len(line))
