"""Foresight: what a change would do, told before anybody agrees to it. Light: every command's table knows the word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What a change would do, told before anybody agrees to it.

    `arguments` are whole: what was left out and means something now is named. `lines` are for a person. `basis` is a
    digest of what they were told from, "" where they rest on nothing that can change.
    """

    arguments: Mapping[str, Any]
    lines: tuple[str, ...] = ()
    basis: str = ""
