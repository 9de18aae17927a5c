"""What is told of a node that could not be looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """A node that could not be looked at: what happened, where, by which command or URL, and what to do next."""

    node: str
    what: str
    where: str = ""
    command: str = ""
    hint: str = ""
