"""The table of default numbers, whole or as far as one number meets it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keepwell.core.errors import ConfigurationError
from keepwell.formats.container_run import parse_size
from keepwell.formats.durations import parse_go_duration
from keepwell.plugins.numbers import Number, load_numbers, meets

#: A size needs its unit in capitals or with a B, since `5m` is five minutes.
_SIZE = re.compile(r"\d{1,12}(?:\.\d{1,3})? ?(?:[KMGT]i?B?|[kmgt]i?b)")
_PLAIN = re.compile(r"\d{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersReport:
    """The answer of `numbers`: the defaults, and the number that was asked for ("" for all)."""

    numbers: tuple[Number, ...]
    asked: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.numbers/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def list_numbers(asked: str = "") -> NumbersReport:
    """Every default, or those that a length of time, a size or a plain number meets.

    Raises ConfigurationError for words that are none of these.
    """
    if not asked:
        return NumbersReport(numbers=load_numbers())
    text = asked.strip()
    seconds = parse_go_duration(text)
    if seconds is not None:
        found = [one for one in load_numbers() if one.unit == "s" and meets(seconds, one.value)]
    elif _SIZE.fullmatch(text):
        size = parse_size(text.replace(" ", ""))
        found = [one for one in load_numbers() if one.unit == "bytes" and one.value == size]
    elif _PLAIN.fullmatch(text):
        found = [one for one in load_numbers() if one.value == int(text)]
    else:
        raise ConfigurationError(f"{asked!r} is no number", hint="write 60s, 5m, 64MB, or a plain number")
    return NumbersReport(numbers=tuple(found), asked=asked)
