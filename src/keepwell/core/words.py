"""Words and numbers for a person: sizes, times, shares, command lines, and text from the world made harmless."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable

from keepwell.core.observation import Missing

#: A blank of a command, but not the doubled braces of a template that a program is given.
_BLANK = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def clean(text: str, limit: int = 400) -> str:
    """Text from a log, a process or a model, made safe to print: control characters and terminal escapes
    become visible, and it is cut at `limit` characters.
    """
    shown = "".join(_visible(char) for char in text[: limit + 1])
    if len(text) > limit:
        return shown[:limit] + "…"
    return shown


def _visible(char: str) -> str:
    if char == "\t":
        return " "
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return f"\\x{ord(char):02x}"
    return char


def size(count: float) -> str:
    """Bytes as a person says them: 6.3 MiB."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.3g} {_SIZES[unit]}"


def span(seconds: float) -> str:
    """A length of time as a person says it: 40 s, 4 min, 3 h, 2 d."""
    for unit, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit or (seconds >= unit and seconds % unit == 0):
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def share(ratio: float) -> str:
    """A ratio as per cent, never rounded to a certainty that is not there."""
    if 0 < ratio < 0.01:
        return "<1 %"
    if 0.99 < ratio < 1:
        return ">99 %"
    return f"{ratio * 100:.0f} %"


def amount(value: float | str | Missing, unit: str = "") -> str:
    """A reading, or a dash where there is none (the reason stands in the JSON form)."""
    if isinstance(value, Missing):
        return "–"
    if isinstance(value, str):
        return clean(value)
    return f"{value:g}{unit}"


def command_line(argv: Iterable[str]) -> str:
    """An argument list as a person would type it."""
    return " ".join(_word(one) for one in argv)


def show_blanks(argv: Iterable[str]) -> list[str]:
    """An argument list of an issue file with its blanks as a person fills them in: `{gpu}` as `<gpu>`."""
    return [_BLANK.sub(r"<\1>", one) for one in argv]


def _word(one: str) -> str:
    if one.startswith("<") and one.endswith(">"):
        return one
    return shlex.quote(clean(one, 4000))


def figure(number: float) -> str:
    """Three digits that count, or all before the point: "0.05", "92.1", "1338"."""
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.3g}"
