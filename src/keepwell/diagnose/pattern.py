"""Signatures: the subset of regular expressions that every scanner here reads the same way.

A signature is matched against one cleaned line, as bytes, ASCII letters in either case. Not in the subset:
look-around, back-references, lazy or possessive tricks with groups, inline flags, `\\A` `\\Z`, and anything
that matches the empty string.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: Longest signature in characters: a limit on compile time, ten times the longest shipped one.
PATTERN_CHARS = 1000

_OUTSIDE = re.compile(r"\\[1-9AZGKXRpPkgzQEuNB]|\(\?(?!:)|[*+?}]\+")


def check_pattern(pattern: str) -> str:
    """What is wrong with a signature, as one sentence; "" when it is fine."""
    if len(pattern) > PATTERN_CHARS:
        return f"longer than {PATTERN_CHARS} characters"
    bare = pattern.replace("\\\\", "")
    found = _OUTSIDE.search(bare)
    if found:
        return f"{found.group()!r} is outside the subset (no look-around, back-references, inline flags)"
    try:
        compiled = compile_pattern(pattern)
    except re.error as error:
        return f"is not a regular expression: {error}"
    if compiled.search(b""):
        return "matches the empty line"
    return ""


@lru_cache(maxsize=8192)
def compile_pattern(pattern: str) -> re.Pattern[bytes]:
    """The signature as Python's `re` reads it: bytes, ASCII, either case."""
    return re.compile(pattern.encode("utf-8"), re.IGNORECASE)
