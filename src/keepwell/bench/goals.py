"""What a request has to keep to, for goodput: limits on its times, and whether it kept to them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf, isnan
from typing import Literal, TypeAlias, cast, get_args

from keepwell.bench.result import Row

#: What may be limited: time to first token, per further token, gap between reads with tokens, the whole answer.
Limit: TypeAlias = Literal["ttft", "tpot", "itl", "e2e"]
#: Seconds at most, by what they limit.
Goals: TypeAlias = Mapping[Limit, float]
HINT = "write ttft=500ms,itl=50ms; known: ttft, itl, tpot, e2e, with ms or s"
_ONE = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)(ms|s)")
_UNITS = {"ms": 0.001, "s": 1.0}


def parse_goals(text: str) -> Goals:
    """The goals in "ttft=500ms,itl=50ms"; none in "". Raises ValueError with what would do."""
    found: dict[Limit, float] = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        name, _, limit = part.partition("=")
        read = _ONE.fullmatch(limit)
        if name not in get_args(Limit) or read is None or not float(read[1]):
            raise ValueError(f"{part!r} is no goal: {HINT}")
        if name in found:
            raise ValueError(f"{name} has two goals")
        found[cast("Limit", name)] = float(read[1]) * _UNITS[read[2]]
    return found


def render_goals(goals: Goals) -> str:
    """The goals in the words that `parse_goals` reads."""
    return ",".join(f"{name}={_render(seconds)}" for name, seconds in goals.items())


def meets(row: Row, goals: Goals) -> bool:
    """True for a good answer within all goals. Its first token and its end are counted from when it was due, so that a
    request that was sent late does not look fast; a limit on a time that is not known is not kept.
    """
    if row.outcome:
        return False
    times = {name: find_time(row, name) for name in goals}
    return all(times[name] <= limit for name, limit in goals.items())


def find_time(row: Row, name: Limit) -> float:
    """Seconds of one request, inf where they are not known; 0 for the pace of an answer of one token."""
    due = row.planned
    if isnan(due):
        due = row.sent
    if name == "ttft":
        return _known(row.first - due)
    if name == "e2e":
        return _known(row.ended - due)
    pieces = {"tpot": row.output_tokens, "itl": row.events}[name]
    if pieces <= 1:
        return 0.0
    return _known((row.last - row.first) / (pieces - 1))


def _known(seconds: float) -> float:
    if isnan(seconds):
        return inf
    return seconds


def _render(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.6f}".rstrip("0").rstrip(".") + "ms"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"
