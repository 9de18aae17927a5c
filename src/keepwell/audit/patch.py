"""The new lines as a unified diff that `git apply` takes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keepwell.audit.secrets import mask_line

#: Lines around a change, as `diff -u` gives them.
CONTEXT = 3
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The diff of one file, "" for none, and the numbers of lines, from 1, that could not stand in it, with why."""

    text: str
    left_out: Mapping[int, str]


def render_patch(path: str, lines: Sequence[str], changed: Mapping[int, str]) -> Patch:
    """The diff of a file whose lines, cut at each newline, change as told.

    A line that holds a secret is never printed; a change needs a line after it that may be, or the end of the file.
    """
    left_out = {number: why for number in changed if (why := _why_not(number, lines, changed[number]))}
    kept = {number: text for number, text in sorted(changed.items()) if number not in left_out}
    if not kept:
        return Patch(text="", left_out=left_out)
    hunks = "".join(_render_hunk(group, lines, kept) for group in _group(sorted(kept), lines))
    old, new = _name("a", path), _name("b", path)
    return Patch(text=f"diff --git {old} {new}\n--- {_end(old)}\n+++ {_end(new)}\n{hunks}", left_out=left_out)


def _why_not(number: int, lines: Sequence[str], new: str) -> str:
    if not is_printable(lines[number - 1]) or not is_printable(new):
        return "the line holds a secret or what no terminal should be given"
    if number < _last(lines) and not is_printable(lines[number]):
        return "the next line holds a secret, and a diff would show it"
    return ""


def is_printable(line: str) -> bool:
    """Whether a line may stand in a diff as it is: no secret, nothing that a terminal acts on."""
    return _CONTROLS.search(line.removesuffix("\r")) is None and mask_line(line) == line


def _group(numbers: Sequence[int], lines: Sequence[str]) -> Iterator[tuple[int, int, list[int]]]:
    """First and last line of each hunk and the changes in it: as much around them as may be printed."""
    begun: tuple[int, int, list[int]] | None = None
    for number in numbers:
        first, last = _reach(number, -1, lines), _reach(number, 1, lines)
        if begun is not None and first <= begun[1] + 1:
            begun = (begun[0], max(begun[1], last), [*begun[2], number])
        else:
            if begun is not None:
                yield begun
            begun = (first, last, [number])
    if begun is not None:
        yield begun


def _reach(number: int, step: int, lines: Sequence[str]) -> int:
    """How far the context goes in one direction."""
    at = number
    while abs(at - number) < CONTEXT and 1 <= at + step <= _last(lines) and is_printable(lines[at + step - 1]):
        at += step
    return at


def _last(lines: Sequence[str]) -> int:
    """The number of the last line; what follows the last newline is none unless it holds something."""
    return len(lines) - (not lines[-1])


def _render_hunk(group: tuple[int, int, list[int]], lines: Sequence[str], changed: Mapping[int, str]) -> str:
    first, last, _ = group
    count = last - first + 1
    rows = [f"@@ -{first},{count} +{first},{count} @@\n"]
    taken: list[str] = []
    for number in range(first, last + 1):
        old = lines[number - 1]
        ending = "\n"
        if number == len(lines):
            ending = "\n\\ No newline at end of file\n"
        if number in changed:
            rows.append(f"-{old}{ending}")
            taken.append(f"+{changed[number]}{ending}")
        else:
            rows += [*taken, f" {old}{ending}"]
            taken = []
    return "".join([*rows, *taken])


def _name(side: str, path: str) -> str:
    """A file's name as git writes it: in quotes where it holds what would end it."""
    written = f"{side}/{path}"
    raw = os.fsencode(written)
    if re.fullmatch(rb"[\x20-\x21\x23-\x5b\x5d-\x7e]+", raw):
        return written
    return '"' + "".join(_byte(one) for one in raw) + '"'


def _byte(one: int) -> str:
    if one in b'"\\':
        return f"\\{one:c}"
    if 0x20 <= one < 0x7F:
        return chr(one)
    return f"\\{one:03o}"


def _end(name: str) -> str:
    """A name with blanks ends in a tab, so that what follows is no part of it."""
    return name + "\t" * (" " in name and not name.startswith('"'))
