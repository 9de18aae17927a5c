"""Typed reading of observed values, for checks and faces: a value of another shape reads as empty, never raises.

An observation's value is JSON-like (`Value`) or `Missing`. A check that wants rows of mappings asks for rows
and gets none from a Missing; whether nobody looked or nothing is there is asked with `isinstance(x, Missing)`.
"""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.observation import Missing, Value


def row_of(value: Value | Missing | None) -> Mapping[str, Value]:
    """The mapping that a value is; an empty one otherwise."""
    if isinstance(value, Mapping):
        return value
    return {}


def rows_of(value: Value | Missing | None) -> tuple[Mapping[str, Value], ...]:
    """The mappings in a tuple, other items left out; () otherwise."""
    if not isinstance(value, tuple):
        return ()
    return tuple(one for one in value if isinstance(one, Mapping))


def texts_of(value: Value | Missing | None) -> tuple[str, ...]:
    """The texts in a tuple, other items left out; () otherwise."""
    if not isinstance(value, tuple):
        return ()
    return tuple(one for one in value if isinstance(one, str))


def text_of(row: Mapping[str, Value], key: str) -> str:
    """The text or number under a key as text; "" when there is none."""
    value = row.get(key, "")
    if isinstance(value, str | int | float):
        return str(value)
    return ""


def find_number(value: Value | Missing | None) -> float | None:
    """The number that a value is (text and booleans are none), or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
