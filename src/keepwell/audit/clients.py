"""Client libraries in a text: what it imports, and where it makes a client with or without an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from keepwell.audit.tongue import Tongue
from keepwell.plugins.uses import Library

#: Characters between the brackets of a call that are read: a client with every option takes some hundred.
ARGUMENTS = 4000
#: Clients that are read in one file: no person makes more.
CALLS = 300
_OPENING, _CLOSING = "([{", ")]}"
_IMPORTS: Mapping[str, re.Pattern[str]] = {
    "python": re.compile(r"^[ \t]*(?:from[ \t]+(?P<a>[\w.]+)[ \t]+import\b|import[ \t]+(?P<b>[\w.]+))", re.MULTILINE),
    "javascript": re.compile(
        r"(?:\bfrom\s*|\brequire\s*\(\s*|\bimport\s*\(\s*|^\s*import\s+)[\"'](?P<a>[@\w][\w@./-]*)[\"']", re.MULTILINE
    ),
    "go": re.compile(r"^\s*(?:import\s+)?(?:[\w.]+\s+)?\"(?P<a>[\w.-]+/[\w./-]+)\"", re.MULTILINE),
    "rust": re.compile(r"^\s*(?:pub\s+)?use\s+(?P<a>\w+)", re.MULTILINE),
    "jvm": re.compile(r"^\s*import\s+(?:static\s+)?(?P<a>[\w.]+)", re.MULTILINE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A library that a text imports: where, and the whole name that was written."""

    library: Library
    start: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A client that is made: `start` is where its name begins, `end` behind the opening bracket.

    `given`: an address, or what may hold one, is among the arguments, which end at `close`. `object_at` is the place
    behind the brace of an object of options, -1 where there is none; `bare`: there are no arguments at all.
    """

    library: Library
    start: int
    end: int
    close: int
    name: str
    given: bool
    object_at: int
    bare: bool


def find_imports(view: str, tongue: Tongue, libraries: Iterable[Library]) -> list[Imported]:
    """What the text imports of these libraries, in its order; the most exact of several that fit, each of equals."""
    pattern = _IMPORTS.get(find_language(tongue))
    if pattern is None:
        return []
    found: list[Imported] = []
    known = [one for one in libraries if one.language == find_language(tongue)]
    for match in pattern.finditer(view):
        name = match["a"] or match.groupdict().get("b") or ""
        found += [
            Imported(library=one, start=match.start() + len(match[0]) - len(match[0].lstrip()), name=name)
            for one in known
            if any(_is_below(name, prefix) for prefix in one.imports)
        ]
    return found


def find_made(view: str, imported: Sequence[Imported]) -> Iterator[Made]:
    """Where clients of the imported libraries are made, in the order of the text."""
    makers: dict[str, Imported] = {}
    for one in imported:
        for name in one.library.makes:
            makers.setdefault(name, one)
    if not makers:
        return
    modules = {part for one in imported for part in re.split(r"[./:]", one.name)}
    for match in islice(_maker_pattern(tuple(sorted(makers, key=len, reverse=True))).finditer(view), CALLS):
        if match["of"] is None or match["of"] in modules:
            yield _read_call(view, match, makers[match["name"]].library)


def _read_call(view: str, match: re.Match[str], library: Library) -> Made:
    close = _find_close(view, match.end())
    inside = view[match.end() : close]
    bare = not inside.strip()
    lead = len(inside) - len(inside.lstrip())
    object_at = -1
    if inside[lead : lead + 1] == "{":
        object_at = match.end() + lead + 1
    return Made(
        library=library,
        start=match.start(),
        end=match.end(),
        close=close,
        name=match["name"],
        given=not bare and _is_given(inside, library, object_at >= 0),
        object_at=object_at,
        bare=bare,
    )


def _is_given(inside: str, library: Library, is_object: bool) -> bool:
    """Whether an address is among the arguments, or what may bring one (`**options`, `...options`, a variable)."""
    names = "|".join(re.escape(one) for one in library.arguments)
    if names and re.search(rf"(?<![\w.])[\"']?(?:{names})\b[\"']?\s*(?:[:=(,}}]|$)", inside):
        return True
    if re.search(r"(?:^|[\s,({])(?:\*\*|\.\.\.)\s*\w", inside):
        return True
    first = inside.strip()
    if library.language == "javascript":
        return not is_object
    return library.first and re.match(r"\w+\s*=(?!=)", first) is None


def _find_close(view: str, start: int) -> int:
    """Where the bracket that was opened before `start` closes, or the end of what is read."""
    depth, quote = 1, ""
    stop = min(len(view), start + ARGUMENTS)
    place = start
    while place < stop:
        char = view[place]
        if quote:
            if char == "\\":
                place += 1
            elif char in (quote, "\n"):
                quote = ""
        elif char in "\"'`":
            quote = char
        elif char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
            if depth == 0:
                return place
        place += 1
    return stop


@cache
def _maker_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """A call of one of these names; not where it is declared."""
    written = "|".join(re.escape(one) for one in names)
    return re.compile(rf"(?<![\w.])(?<!def )(?<!class )(?<!function )(?:(?P<of>\w+)\.)?(?P<name>{written})[ \t]*\(")


def _is_below(name: str, prefix: str) -> bool:
    return name == prefix or (name.startswith(prefix) and name[len(prefix)] in "./")


def find_language(tongue: Tongue) -> str:
    """The language of libraries in this tongue."""
    return {"notebook": "python"}.get(tongue, tongue)
