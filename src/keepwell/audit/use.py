"""Use: one place where an engine is asked, and what becomes of it when the gateway stands in the engine's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.plugins.uses import Verdict

#: What was found: an address, a client that is made, a library, a variable, a path, a model's name, a command, or
#: what is the engine's own (its image, its start, its settings).
Kind: TypeAlias = Literal["address", "client", "library", "variable", "path", "model", "command", "engine"]
#: Where the new line belongs: in the place of the old one, in the environment of the program, or in keepwell.toml.
Place: TypeAlias = Literal["", "here", "environment", "keepwell.toml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Characters of a line, counted from 0, and what stands there instead."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use; `line` counts from 1. `say` is why, or what instead; `new` the line for `environment` or keepwell.toml.

    `elsewhere`: who asks there is on another machine or in a container, as far as the address tells.
    """

    line: int
    kind: Kind
    what: str
    verdict: Verdict
    say: str = ""
    place: Place = ""
    new: str = ""
    elsewhere: bool = False
    edit: Edit | None = None


def apply_edits(line: str, edits: list[Edit]) -> str:
    """The line with every edit made; of two that overlap the first alone."""
    done, parts = 0, []
    for one in sorted(edits, key=_start):
        if one.start >= done:
            parts += [line[done : one.start], one.text]
            done = one.end
    return "".join([*parts, line[done:]])


def _start(edit: Edit) -> int:
    return edit.start
