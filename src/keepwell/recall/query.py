"""What to ask for: the words of a long pasted log that say something, without its numbers, paths and ids."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Words asked for: a question of more takes longer and its tail says little. Measured, see docs/accuracy.md.
QUERY_WORDS = 60
#: Characters of a text that are looked at: its head, and as much of its end, where errors stand.
QUERY_CHARS = 64 * 1024
#: Shortest and longest word: "gpu" says something, "of" does not, and what is longer is an id.
LEAST_CHARS, MOST_CHARS = 3, 40
#: How much more a word counts that stands in a line of an error than one in any other line.
ERROR_SHARE = 3.0

_ERROR_LINE = re.compile(
    r"error|fail|fatal|panic|cannot|can't|could not|couldn't|unable|denied|refused|invalid|exception|abort"
    r"|killed|timed? ?out|not found|no such|unsupported|mismatch|warn|missing|unknown|exceed",
    re.IGNORECASE,
)
# What tells one machine, one day or one file from another, and never one cause from another.
_PARTICULAR = re.compile(
    r"sha256[:-][0-9a-f]+|\b0x[0-9a-f]+\b|\b[0-9a-f]{8,}\b|\b[0-9a-f]{4,}-[0-9a-f-]{8,}\b"
    r"|\d{4}-\d\d-\d\d[t ]?|\b\d\d:\d\d(?::\d\d)?\S*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d]\w*", re.ASCII)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Words of log lines whatever they tell: time, level, the place in the program.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        """the and for with from this that was are not but you has have will its time level msg source info debug
        log logs line file home usr var lib bin local site packages python json http https www com
        localhost true false none null jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu
        fri sat sun root user name self def return""",
    )
)


def find_words(text: str) -> dict[str, float]:
    """Words of a text with what each counts for (1, or `ERROR_SHARE` in a line of an error), in order of first sight.

    Lower case; joined names are given whole and in parts ("NvmlInit" gives nvmlinit, nvml, init). Pure, linear.
    """
    weights: dict[str, float] = {}
    for line in _lines(text):
        share = 1.0
        if _ERROR_LINE.search(line):
            share = ERROR_SHARE
        for word in split_words(line):
            weights[word] = max(share, weights.get(word, 0.0))
    return weights


def split_words(line: str) -> Iterator[str]:
    """The words of one line, lower case, without particulars; a joined name whole, then its parts."""
    for found in _WORD.findall(_PARTICULAR.sub(" ", line)):
        parts = [part for piece in found.split("_") for part in _HUMP.split(piece)]
        for word in dict.fromkeys((found, *parts)):
            lower = word.lower().strip("_")
            if LEAST_CHARS <= len(lower) <= MOST_CHARS and lower not in _EMPTY:
                yield lower


def _lines(text: str) -> list[str]:
    if len(text) > 2 * QUERY_CHARS:
        text = f"{text[:QUERY_CHARS]}\n{text[-QUERY_CHARS:]}"
    return text.splitlines()
