"""Set one variable in a systemd unit or drop-in, every other byte kept.

Understands `Environment="A=b" "C=d" E=f`, continued lines, quotes round the word or the value, and the empty
`Environment=` that forgets all before it. Only the assignment in force (the last) is changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from keepwell.formats.assignment import check_pair, rename_at
from keepwell.formats.words import Line, Word, line_end_before, scan_lines, unquote

#: A key and its equals sign; a word of a unit may follow at once or after blanks.
_KEY = re.compile(r"[ \t]*(?P<key>[A-Za-z][A-Za-z0-9-]*)[ \t]*=[ \t]*")
_SECTION = re.compile(r"[ \t]*\[(?P<name>[^\]\r\n]+)\][ \t]*\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_@+:,./*=%-]*\Z")


def find_unit_variable(content: bytes, name: str) -> str | None:
    """The value that the unit's [Service] gives this variable, or None; `%%` is read as `%`."""
    found = _last_word(_environment(content.decode("latin-1")), name)
    if found is None:
        return None
    return _value(found, name).encode("latin-1").decode("utf-8", "replace")


def set_unit_variable(content: bytes, name: str, value: str) -> bytes:
    """The unit with this variable set in [Service]; the same bytes when it already is.

    Raises ValueError for a name that is none and for a value with a line end or a NUL.
    """
    check_pair(name, value)
    text = content.decode("latin-1")
    wished = value.encode().decode("latin-1")
    lines = _environment(text)
    found = _last_word(lines, name)
    if found is None:
        return _insert(text, lines, name, wished).encode("latin-1")
    if _value(found, name) == wished:
        return content
    return (text[: found.start] + _render(found.raw, name, wished) + text[found.end :]).encode("latin-1")


def rename_unit_variable(content: bytes, old: str, new: str) -> bytes:
    """The unit with every assignment in force of one name given another name; values and all else stay."""
    check_pair(new, "")
    text = content.decode("latin-1")
    words = [word for entry in _environment(text) for word in entry.words if word.text.startswith(f"{old}=")]
    places = [word.start + word.raw.index(old) for word in words]
    return rename_at(text, places, old, new).encode("latin-1")


def new_drop_in(name: str, value: str) -> bytes:
    """A drop-in that sets nothing but this variable."""
    return set_unit_variable(b"[Service]\n", name, value)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One `Environment=` line: where it lies and its words."""

    line: Line
    words: tuple[Word, ...]


def _environment(text: str) -> list[_Entry]:
    """The `Environment=` lines of [Service] that are in force."""
    found: list[_Entry] = []
    section = ""
    for line in scan_lines(text):
        head = _SECTION.match(text[line.start : line.end].rstrip())
        if head and line.words:
            section = head["name"]
        key = _KEY.match(text, line.start, line.end)
        if section != "Service" or key is None or key["key"] != "Environment" or not line.words:
            continue
        words = _words_after(text, line, key.end())
        if not words:
            found.clear()
        found.append(_Entry(line, words))
    return found


def _words_after(text: str, line: Line, place: int) -> tuple[Word, ...]:
    """The words of a line from a place on; the key and its equals sign may be glued to the first."""
    cut = [Word(max(word.start, place), word.end, text[max(word.start, place) : word.end]) for word in line.words]
    return tuple(word for word in cut if word.end > place)


def _last_word(entries: list[_Entry], name: str) -> Word | None:
    found: Word | None = None
    for entry in entries:
        for word in entry.words:
            if word.text.startswith(f"{name}="):
                found = word
    return found


def _value(word: Word, name: str) -> str:
    return unquote(word.raw)[len(name) + 1 :].replace("%%", "%")


def _render(old: str, name: str, value: str) -> str:
    """The assignment in the quotes of the old word, or in quotes of its own where it needs them."""
    escaped = value.replace("%", "%%")
    head = f"{name}="
    if old[:1] == "'" and "'" not in escaped and "\\" not in escaped:
        return f"'{head}{escaped}'"
    inner = old.removeprefix(head)
    if inner != old and inner[:1] == "'" and "'" not in escaped and "\\" not in escaped:
        return f"{head}'{escaped}'"
    doubled = escaped.replace("\\", "\\\\").replace('"', '\\"')
    if inner != old and inner[:1] == '"':
        return f'{head}"{doubled}"'
    if old[:1] not in ("'", '"') and _PLAIN.match(escaped):
        return head + escaped
    return f'"{head}{doubled}"'


def _insert(text: str, entries: list[_Entry], name: str, value: str) -> str:
    written = "Environment=" + _render('"', name, value)
    place = _place(text, entries)
    if place is None:
        separator = line_end_before(text, len(text))
        body = text
        if body and not body.endswith("\n"):
            body += separator
        return f"{body}[Service]{separator}{written}{separator}"
    return text[:place] + line_end_before(text, place) + written + text[place:]


def _place(text: str, entries: list[_Entry]) -> int | None:
    """The end of the line after which a new entry belongs: the last Environment=, else the end of [Service]."""
    if entries:
        return entries[-1].line.end
    place: int | None = None
    inside = False
    for line in scan_lines(text):
        head = _SECTION.match(text[line.start : line.end].rstrip())
        if head and line.words:
            inside = head["name"] == "Service"
        if inside and line.words:
            place = line.end
    return place
