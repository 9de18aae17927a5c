"""Letters that an output's encoding lacks: signs get a plain form, anything else is written out as an escape."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

#: What stands for a sign where there is only ASCII. The signs of a status stay apart; "?" and "!" are two of them.
PLAIN = {
    "✓": "+",
    "✗": "x",
    "·": "-",
    "–": "-",
    "…": "...",
    "│": "|",
    "├": "|",
    "└": "`",
    "─": "-",
    "↺": "<",
    "°": "",
    "→": "->",
    "×": "x",
}


def write_harmlessly(*outputs: TextIO) -> None:
    """From now on a character that an output's encoding lacks is replaced there, never an error."""
    codecs.register_error("keepwell", _replace)
    for one in outputs:
        if isinstance(one, io.TextIOWrapper):
            one.reconfigure(errors="keepwell")


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    shown = "".join(PLAIN.get(char, char) for char in found)
    return shown.encode("ascii", "backslashreplace").decode("ascii"), error.end
