"""Where an environment file sets a variable: what its readers, systemd and a shell, have in common.

The text is bytes read as Latin-1, so that a place in the text is a place in the file and no byte is lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A name that a variable can have; systemd and shells agree.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One place where a variable is set.

    `raw` is text[start:end], the value as it is written; `value` is what its reader makes of it, None where only a
    running shell could tell. The name lies at `name_start`. text[cut_start:cut_end] is what goes when it is no longer
    set. `loose`: under a condition, in a pipe, or in another way that is not changed by keepwell.
    """

    name: str
    name_start: int
    start: int
    end: int
    raw: str
    value: str | None
    cut_start: int
    cut_end: int
    loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a reader makes of a whole file.

    `spots` in order; the last one of a name counts. `starts` are places between two statements, where a new one may
    stand. `ignored` are lines (from 1) that its reader does not understand and passes over; `exports` says whether
    variables are handed on by `export`.
    """

    spots: tuple[Spot, ...]
    starts: tuple[int, ...]
    ignored: tuple[int, ...] = ()
    exports: bool = False


class UnreadableFile(ValueError):
    """A file that its reader gives up on: its message says where and why, for a person."""


def line_of(text: str, place: int) -> int:
    """The number of the line in which a place lies, from 1."""
    return text.count("\n", 0, place) + 1


def line_start(text: str, place: int) -> int:
    """Where the line begins in which a place lies."""
    return text.rfind("\n", 0, place) + 1


def past_line_end(text: str, place: int) -> int:
    """Just after the next line end from here; the end of the text where there is none."""
    end = text.find("\n", place)
    if end < 0:
        return len(text)
    return end + 1
