"""Two answers to one request beside each other, and what one side's answers come to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal, TypeAlias

from keepwell.app.rehearsing.hearing import Heard
from keepwell.app.switching.objectives import quantile
from keepwell.core.text import escape_controls

#: Characters in which two answers begin alike to count as alike: chance and politeness give fewer.
ALIKE = 20
#: Characters of both answers that are shown around the place where they part.
AROUND = 60

Likeness: TypeAlias = Literal["equal", "same beginning", "different", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How alike two answers to the request `name` are: `common` characters from the beginning, the texts where they
    part, escaped; "unknown" where one of them failed.
    """

    name: str
    likeness: Likeness
    common: int = 0
    first: str = ""
    second: str = ""

    @property
    def alike(self) -> bool:
        """True for answers that are equal, or begin alike for long enough."""
        return self.likeness == "equal" or (self.likeness == "same beginning" and self.common >= ALIKE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of so many values the median and the 95th percentile, in seconds; 0 where there is none."""

    count: int = 0
    p50_seconds: float = 0.0
    p95_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """All answers of one route. `problems` counts what went wrong by kind, `said` is a sentence of each kind; `dropped`
    counts lost fields by name. Tokens are sums over requests whose counts both sides told.
    """

    route: str
    requests: int = 0
    failed: int = 0
    problems: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    first: Spread = Spread()
    token: Spread = Spread()
    total: Spread = Spread()
    input_tokens: int = 0
    output_tokens: int = 0
    replicas: tuple[str, ...] = ()
    translated: tuple[str, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One request and both answers."""

    name: str
    first: Heard
    second: Heard


def compare(played: Played) -> Compared:
    """How alike the two answers are."""
    one, other = played.first.whole, played.second.whole
    if played.first.problem or played.second.problem:
        return Compared(name=played.name, likeness="unknown")
    common = count_common(one, other)
    likeness: Likeness = "different"
    if one == other:
        likeness = "equal"
    elif common:
        likeness = "same beginning"
    begin = max(0, common - AROUND // 2)
    shown = [escape_controls(text[begin : begin + AROUND]) for text in (one, other)]
    return Compared(name=played.name, likeness=likeness, common=common, first=shown[0], second=shown[1])


def count_common(one: str, other: str) -> int:
    """Characters in which two texts begin alike."""
    least = min(len(one), len(other))
    return next((place for place in range(least) if one[place] != other[place]), least)


def sum_up(route: str, played: Sequence[Played], side: Callable[[Played], Heard]) -> Side:
    """What one side's answers come to."""
    answers = [side(one) for one in played]
    well = [one for one in answers if not one.problem]
    both = [one for one in played if _is_counted(one.first) and _is_counted(one.second)]
    problems: dict[str, int] = {}
    said: dict[str, str] = {}
    dropped: dict[str, int] = {}
    for one in answers:
        if one.problem:
            problems[one.problem] = problems.get(one.problem, 0) + 1
            said.setdefault(one.problem, escape_controls(one.said))
        for name in one.dropped:
            dropped[name] = dropped.get(name, 0) + 1
    return Side(
        route=route,
        requests=len(answers),
        failed=len(answers) - len(well),
        problems=problems,
        said=said,
        first=_spread([one.first_seconds for one in well]),
        token=_spread([one.token_seconds for one in well]),
        total=_spread([one.total_seconds for one in well]),
        input_tokens=sum(side(one).input_tokens for one in both),
        output_tokens=sum(side(one).output_tokens for one in both),
        replicas=_distinct(one.replica for one in answers),
        translated=_distinct(one.translated for one in answers),
        dropped=dropped,
    )


FIRST: Callable[[Played], Heard] = attrgetter("first")
SECOND: Callable[[Played], Heard] = attrgetter("second")


def _is_counted(one: Heard) -> bool:
    return not one.problem and one.input_tokens >= 0 and one.output_tokens >= 0


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({one for one in words if one}))


def _spread(values: Sequence[float]) -> Spread:
    known = [one for one in values if one >= 0]
    return Spread(
        count=len(known), p50_seconds=round(quantile(known, 0.5), 6), p95_seconds=round(quantile(known, 0.95), 6)
    )
