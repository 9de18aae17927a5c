"""Text from outside made safe to show: a log line or a model's name must not drive the reader's terminal."""

from __future__ import annotations

import re

#: C0 without tab, DEL, C1, line and paragraph separators, and the marks that turn the direction of text
#: (they can make a shown command differ from the one that is run). Lone surrogates cannot be encoded.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape_controls(text: str) -> str:
    r"""The text on one line with every control character written out (`\x1b`, `\n`, `\u202e`); tabs stay."""
    return _UNSAFE.sub(_escape, text)


def cut_text(text: str, limit: int) -> str:
    """The text itself, or its first characters and the number that was left out; never over `limit` + 16."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more)"


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")
