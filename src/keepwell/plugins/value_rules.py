"""What a value of each kind must look like, as most programs read it, and what would be right instead. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from keepwell.plugins.engine import Setting

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DIGITS = re.compile(r"\d+")
#: How alike two names must be for one to be offered for the other (difflib's ratio; 0.6 is its default).
NEAREST_RATIO = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a value, as one sentence, and a value that would be right ("" if none suggests itself)."""

    problem: str
    suggested: str = ""


Rule: TypeAlias = Callable[[Setting, str], "Fault | None"]


def _judge_integer(setting: Setting, value: str) -> Fault | None:
    if _DIGITS.fullmatch(value):
        return None
    words = "".join(f" or {choice}" for choice in setting.choices)
    digits = _DIGITS.match(value)
    suggested = setting.default
    if digits is not None:
        suggested = digits[0]
    return Fault(problem=f"{setting.name} must be a whole number{words}, not {value!r}", suggested=suggested)


def _judge_number(setting: Setting, value: str) -> Fault | None:
    if _NUMBER.fullmatch(value):
        return None
    return Fault(problem=f"{setting.name} must be a number, not {value!r}", suggested=setting.default)


def _judge_port(setting: Setting, value: str) -> Fault | None:
    if value.isascii() and value.isdigit() and 0 < int(value[:9]) <= 65535:
        return None
    return Fault(problem=f"{setting.name} must be a port from 1 to 65535, not {value!r}", suggested=setting.default)


def _judge_choice(setting: Setting, value: str) -> Fault | None:
    """Called only for a value that is not among the choices."""
    if not setting.choices:
        return None
    near = difflib.get_close_matches(value.lower(), setting.choices, n=1, cutoff=NEAREST_RATIO)
    words = ", ".join(setting.choices)
    return Fault(
        problem=f"{setting.name} must be one of {words}, not {value!r}", suggested="".join(near) or setting.default
    )


def _judge_path(setting: Setting, value: str) -> Fault | None:
    """A path that only a shell would expand: services and containers pass it as it is written."""
    if value.startswith(("~/", "$")) or value == "~" or "${" in value:
        return Fault(problem=f"{setting.name} is {value!r}: nothing expands it outside a shell, write the whole path")
    return None


#: Rules by kind for values that an engine reads as most programs do.
COMMON_RULES: Mapping[str, Rule] = {
    "integer": _judge_integer,
    "number": _judge_number,
    "port": _judge_port,
    "choice": _judge_choice,
    "path": _judge_path,
}
