"""Whole numbers in texts from outside."""

from __future__ import annotations

#: Digits that are read: 64-bit numbers have at most 20, and Python refuses to convert thousands.
DIGITS_MAX = 20


def find_whole(word: str) -> int | None:
    """The number that ASCII digits (with blanks around) write, or None."""
    digits = word.strip()
    if digits.isascii() and digits.isdecimal() and len(digits) <= DIGITS_MAX:
        return int(digits)
    return None
