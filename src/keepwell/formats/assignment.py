"""Set one variable in an environment file or start script, every other byte kept.

The last assignment of the name is the one in force and the only one that is changed; it keeps its quotes,
what stands before and after it, and its line end. Lines that cannot be read stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from keepwell.formats.words import MARK, Line, Word, line_end_before, scan_lines, unquote

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
#: Characters that mean themselves without quotes in a shell, in systemd and in Compose.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./*=-]*\Z")
#: Words that may stand before an assignment.
_LEADING = frozenset({"export", "env", "exec", "nohup", "setsid", "command"})
#: Commands of a script after which a variable still reaches the program.
_SETTING_UP = frozenset({"set", ".", "source", "cd", "umask", "ulimit"})


def find_assignment(content: bytes, name: str) -> str | None:
    """The value that the file gives this variable (the last one counts), or None."""
    found = _last(content.decode("latin-1"), name)
    if found is None:
        return None
    return _bytes_text(unquote(found.raw[len(name) + 1 :]))


def set_assignment(content: bytes, name: str, value: str, *, whole: str = "") -> bytes:
    """The file with this variable set; the same bytes when it already is.

    `whole` is the present value as it is read by those who take the rest of the line for it: where the rest
    of the line is exactly this, it is replaced whole (a blank or a `#` in an unquoted value). Raises
    ValueError for a name that is none and for a value with a line end or a NUL.
    """
    check_pair(name, value)
    text = content.decode("latin-1")
    wished = value.encode().decode("latin-1")
    found = _last(text, name)
    if found is None:
        return _insert(text, name, wished).encode("latin-1")
    start, end = _value_place(text, found, name, whole.encode().decode("latin-1"))
    if unquote(text[start:end]) == wished:
        return content
    return (text[:start] + quote_like(text[start:end], wished) + text[end:]).encode("latin-1")


def rename_assignment(content: bytes, old: str, new: str) -> bytes:
    """The file with every assignment of one name given another name; values and all else stay."""
    check_pair(new, "")
    text = content.decode("latin-1")
    places = [one.word.start for one in _assignments(text) if one.word.raw.startswith(f"{old}=")]
    return rename_at(text, places, old, new).encode("latin-1")


def rename_at(text: str, places: list[int], old: str, new: str) -> str:
    """The text with the old name at each of these places (in ascending order) replaced."""
    for place in reversed(places):
        text = text[:place] + new + text[place + len(old) :]
    return text


def check_pair(name: str, value: str) -> None:
    """Raises ValueError for what no start file can hold."""
    if not _NAME.match(name):
        raise ValueError(f"not a name of a variable: {name!r}")
    if any(char in value for char in "\0\r\n"):
        raise ValueError(f"a value with a line end or a NUL cannot be written: {name}")


def quote_like(old: str, value: str) -> str:
    """The value written with the quotes of the old one; with quotes of its own where it needs them."""
    if old[:1] == "'" and old[-1:] == "'" and "'" not in value:
        return f"'{value}'"
    if _PLAIN.match(value) and not (old[:1] == '"' and old[-1:] == '"'):
        return value
    if any(char in value for char in "$`") and "'" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'


@dataclass(frozen=True, slots=True)
class _Found:
    line: Line
    word: Word


def _last(text: str, name: str) -> Word | None:
    found: Word | None = None
    for one in _assignments(text):
        if one.word.raw.startswith(f"{name}="):
            found = one.word
    return found


def _assignments(text: str) -> Iterator[_Found]:
    for line in scan_lines(text):
        for word in line.words:
            if _ASSIGNMENT.match(word.raw):
                yield _Found(line, word)
            elif word.raw not in _LEADING and not word.raw.startswith("-"):
                break


def _value_place(text: str, word: Word, name: str, whole: str) -> tuple[int, int]:
    start = word.start + len(name) + 1
    if whole and text.startswith(whole, start):
        after = text[start + len(whole) :].split("\n", 1)[0]
        if not after.strip():
            return start, start + len(whole)
    return start, word.end


def _insert(text: str, name: str, value: str) -> str:
    lines = [line for line in scan_lines(text) if line.words]
    commands = [line for line in lines if _runs_something(line)]
    written = f"{name}={quote_like('', value)}"
    if text.startswith("#!") or commands or any(line.words[0].raw == "export" for line in lines):
        written = f"export {written}"
    limit = min((line.start for line in commands), default=len(text))
    before = [line for line in lines if line.start < limit and not text[: line.end].rstrip("\r\n").endswith("\\")]
    if before:
        return _insert_after(text, before[-1].end, written)
    if lines:
        return _insert_before(text, lines[0].start, written)
    return _insert_after(text, len(text.rstrip("\r\n")), written)


def _insert_before(text: str, place: int, written: str) -> str:
    return text[:place] + written + line_end_before(text, place) + text[place:]


def _insert_after(text: str, place: int, written: str) -> str:
    """A new line after the one that ends here; a file without a last line end stays without one."""
    if text[:place] in ("", MARK):
        return text[:place] + written + "\n" + text[place:]
    return text[:place] + line_end_before(text, place) + written + text[place:]


def _runs_something(line: Line) -> bool:
    """True for a line that starts a program (so that a variable must be set before it)."""
    for word in line.words:
        if not _ASSIGNMENT.match(word.raw) and word.raw not in _LEADING and not word.raw.startswith("-"):
            return word.raw not in _SETTING_UP
    return False


def _bytes_text(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "replace")
