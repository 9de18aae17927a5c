"""A sweep: which load comes next, by how the last ones went. Doubles until it is too much, then halves the gap. Pure.

Too much is a stretch of which fewer than 95 of 100 requests kept to the goals; without goals, one that answers hardly
more than a smaller one did (its knee): beyond it requests wait for each other and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.bench.load_words import CLIENTS, RATE

#: Share of requests within the goals that a load has to reach; of answers that must be good at all.
KEPT_SHARE = 0.95
#: A load of twice the size that answers less than this much more is beyond the knee: a fifth is more than noise, and
#: far less than the double that an engine with room would give.
MORE = 1.2
#: Stretches at most, and how near the knee is found, as a share of it.
STRETCHES, NEAR = 20, 0.1

#: Why a sweep is over; client: it was its own limit, so that nothing is known of larger loads.
End: TypeAlias = Literal["found", "never too much", "too much at once", "too many stretches", "client"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One stretch: clients or requests a second, answers a second, the share of requests within the goals (of good
    answers where there are none), and whether the client itself was its limit.
    """

    load: float
    per_second: float
    share: float
    limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What comes next: the load of another stretch, or 0.0 and why it is over, with the largest load that was well
    (0.0: none was).
    """

    load: float
    end: End | None = None
    best: float = 0.0


def find_next(points: Sequence[Point], *, whole: bool, goals: bool) -> Step:
    """The next step after these stretches; `whole` for clients, which are whole numbers. `goals`: some were set."""
    well = sorted(one.load for one in points if is_well(one, points, goals=goals))
    much = sorted(one.load for one in points if not is_well(one, points, goals=goals))
    best = max((one for one in well if not much or one < much[0]), default=0.0)
    if not points:
        return Step(load=1.0)
    if any(one.limited for one in points):
        return Step(load=0.0, end="client", best=best)
    if len(points) >= STRETCHES:
        return Step(load=0.0, end="too many stretches", best=best)
    if not much:
        return _double(best, whole=whole)
    if not best:
        return _halve_down(much[0], whole=whole)
    middle = (best + much[0]) / 2
    if whole:
        middle = float(round(middle - 0.25))
    if middle in (best, much[0]) or much[0] - best <= NEAR * best:
        return Step(load=0.0, end="found", best=best)
    return Step(load=middle, best=best)


def is_well(point: Point, points: Sequence[Point], *, goals: bool) -> bool:
    """True for a load that is not too much, among all that were tried."""
    if point.share < KEPT_SHARE or point.limited:
        return False
    if goals:
        return True
    smaller = [one for one in points if one.load < point.load and one.share >= KEPT_SHARE]
    if not smaller:
        return True
    last = max(smaller, key=_load)
    # what a load that much larger must give, when doubling it must give MORE
    wanted = 1 + (MORE - 1) * (point.load / last.load - 1)
    return point.per_second >= last.per_second * wanted


def _double(best: float, *, whole: bool) -> Step:
    most = {True: float(CLIENTS), False: RATE}[whole]
    larger = 2 * best
    if larger > most:
        return Step(load=0.0, end="never too much", best=best)
    return Step(load=larger, best=best)


def _halve_down(least: float, *, whole: bool) -> Step:
    """None was well: a smaller one, unless there is none or it was tried long enough."""
    if (whole and least <= 1) or least <= 1 / 64:
        return Step(load=0.0, end="too much at once")
    return Step(load=least / 2)


def _load(point: Point) -> float:
    return point.load
