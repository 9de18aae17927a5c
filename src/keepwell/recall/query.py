"""What a text is compared by: its telling words and groups of letters, without numbers, paths, times and ids."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

#: Characters of a text that are looked at: more cost time (1 ms for some 4,000) and say little that is new.
QUERY_CHARS = 16 * 1024
#: Shortest and longest word: "gpu" says something, "of" does not, and what is longer is an id.
LEAST_CHARS, MOST_CHARS = 3, 40
#: Letters in a group: long enough to tell words apart, short enough to find joined and misspelt ones.
LETTERS = 4
#: Names whose parts are remembered: all of a catalogue's, so that each is split once.
KEPT_NAMES = 32_768

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
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W\d]\w*", re.ASCII)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Words of log lines whatever they tell: time, level, the place in the program.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        """the and for with from this that was are not but you has have will its time level msg source info debug log
        logs line file home usr var lib bin local site packages python json http https www com localhost true
        false none null jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun root user
        name self def return""",
    )
)


def choose_lines(text: str) -> list[str]:
    """The lines of a text that tell most, in their order: all of a short one, of a long one those of errors first."""
    lines = text[: 64 * QUERY_CHARS].splitlines()
    if len(text) <= QUERY_CHARS:
        return lines
    chosen: set[int] = set()
    left = QUERY_CHARS
    for errors in (True, False):
        for number, line in enumerate(lines):
            if left > 0 and bool(_ERROR_LINE.search(line)) is errors:
                chosen.add(number)
                left -= len(line) + 1
    return [lines[number][:QUERY_CHARS] for number in sorted(chosen)]


def count_parts(lines: list[str]) -> tuple[Counter[str], Counter[str]]:
    """How often each word stands in these lines, and each group of letters of their words, blanks between too."""
    words: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    for line in lines:
        found = split_words(line)
        words.update(found)
        joined = f" {' '.join(found)} "
        letters.update([joined[at : at + LETTERS] for at in range(len(joined) - LETTERS + 1)])
    return words, letters


def split_words(line: str) -> list[str]:
    """The words of one line, lower case, without particulars; a joined name whole, then its parts.

    "NvmlInit" gives nvmlinit, nvml, init.
    """
    if _DIGIT.search(line):
        line = _PARTICULAR.sub(" ", line)
    return [part for found in _WORD.findall(line) for part in _split_name(found)]


@lru_cache(maxsize=KEPT_NAMES)
def _split_name(name: str) -> tuple[str, ...]:
    parts = [part for piece in name.split("_") for part in _HUMP.split(piece)]
    lower = [word.lower().strip("_") for word in dict.fromkeys((name, *parts))]
    return tuple(word for word in lower if LEAST_CHARS <= len(word) <= MOST_CHARS and word not in _EMPTY)
