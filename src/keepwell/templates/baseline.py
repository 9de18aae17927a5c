"""What is ordinary in one log, learned from its healthy stretches; and what is new in it, or newly frequent. Pure.

Only lines that were not learned before are looked at: the end of what was learned is known by a digest of its last
lines. Frequency is a share of all lines, so that a busy hour makes nothing frequent.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.templates.miner import Miner
from keepwell.templates.shapes import Shape

#: Shapes that are kept of one log.
KEPT_SHAPES = 2_000
#: Lines that must have been learned before anything is called new: everything is, in a log that is hardly known.
KNOWN_LINES = 100
#: Lines that mark the end of what was learned; one alone may come twice.
END_LINES = 3
#: What makes a known kind newly frequent: this many lines, and this many times what its share of old lines lets expect.
FREQUENT_LINES, FREQUENT_TIMES = 20, 5.0
#: Kinds that are told of one log.
TOLD = 20

_TROUBLE = re.compile(
    r"\b(errors?|errno|warn(?:ing)?|fail(?:ed|ure|s|ing)?|fatal|panic|critical|exception|traceback|cannot|can't|couldn't"
    r"|unable|denied|refused|rejected|time[d ]?-?out|killed|abort(?:ed|ing)?|segfault|out of memory|oom|corrupt(?:ed)?"
    r"|invalid|lost|unreachable|disconnected|xid)\b",
    re.IGNORECASE,
)
#: Lines that say of themselves that they are no trouble.
_CALM = re.compile(r"level=(INFO|DEBUG|TRACE)\b|\b(INFO|DEBUG|TRACE)\b|^\d+\.\d\d\.\d{3}\.\d{3} [ID] ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What is known of one log: the shapes of its healthy lines, how many lines were learned and when last (seconds
    since the epoch), and the digest of the last lines that were looked at.
    """

    shapes: tuple[Shape, ...] = ()
    lines: int = 0
    at: float = 0.0
    end: str = ""

    @property
    def known(self) -> bool:
        """Whether enough was learned to call anything new."""
        return self.lines >= KNOWN_LINES


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A kind of line that is new (`before` 0) or more frequent than before: its template, how many lines, the first
    of them, how many its share of old lines let expect, and whether it speaks of trouble.
    """

    template: str
    count: int
    first: str
    expected: float
    trouble: bool

    @property
    def new(self) -> bool:
        """True for a kind that was never learned."""
        return self.expected == 0


def learn(baseline: Baseline, lines: Sequence[str], at: float) -> Baseline:
    """The baseline with what is new in these healthy lines learned too."""
    fresh = not_learned(baseline, lines)
    miner = Miner(KEPT_SHAPES, baseline.shapes)
    miner.add(fresh)
    end = baseline.end
    if lines:
        end = _digest(lines[-END_LINES:])
    return Baseline(shapes=miner.kept(), lines=baseline.lines + len(fresh), at=at, end=end)


def find_news(baseline: Baseline, lines: Sequence[str]) -> tuple[News, ...]:
    """What is new or newly frequent in the lines that were not learned, trouble first, then the commonest.

    Nothing where too little was learned to tell.
    """
    if not baseline.known:
        return ()
    known = Miner(KEPT_SHAPES, baseline.shapes)
    usual = {one.text: one.count / baseline.lines for one in known.templates()}
    counts: dict[str, int] = {}
    firsts: dict[str, str] = {}
    strange: list[str] = []
    fresh = not_learned(baseline, lines)
    for line, text in zip(fresh, known.match(fresh), strict=True):
        counts[text] = counts.get(text, 0) + 1
        firsts.setdefault(text, line)
        if not text:
            strange.append(line)
    found = _group(strange)
    for text, count in counts.items():
        expected = usual.get(text, 0.0) * len(fresh)
        if text and count >= FREQUENT_LINES and count > FREQUENT_TIMES * expected + 3 * math.sqrt(expected):
            found.append(_news(text, count, firsts[text], max(expected, 1e-9)))
    return tuple(sorted(found, key=_order)[:TOLD])


def not_learned(baseline: Baseline, lines: Sequence[str]) -> Sequence[str]:
    """The lines after the last ones that were learned; all where those are not among them."""
    sum_of_last = baseline.end.partition(":")[0]
    for index in range(len(lines) - 1, -1, -1):
        if _sum(lines[index]) != sum_of_last:
            continue
        if _digest(lines[max(0, index - END_LINES + 1) : index + 1]) == baseline.end:
            return lines[index + 1 :]
    return lines


def _group(lines: Sequence[str]) -> list[News]:
    """Lines of new kinds by their own templates; the empty line is no kind."""
    miner = Miner(KEPT_SHAPES)
    found: dict[str, list[str]] = {}
    for line, ticket in zip(lines, miner.add(lines), strict=True):
        found.setdefault(miner.find(ticket), []).append(line)
    return [_news(text, len(rows), rows[0], 0.0) for text, rows in found.items() if text]


def _news(template: str, count: int, first: str, expected: float) -> News:
    trouble = _TROUBLE.search(first) is not None and _CALM.search(first) is None
    return News(template=template, count=count, first=first, expected=expected, trouble=trouble)


def _order(one: News) -> tuple[bool, bool, int, str]:
    return not one.trouble, not one.new, -one.count, one.template


def _digest(lines: Sequence[str]) -> str:
    """A cheap sum of the last line, by which most lines are passed over, and a digest of all."""
    content = "\n".join(lines).encode("utf-8", "replace")
    return f"{_sum(lines[-1])}:{hashlib.sha256(content).hexdigest()[:32]}"


def _sum(line: str) -> str:
    return f"{zlib.crc32(line.encode('utf-8', 'replace')):08x}"
