"""Steps: where a series went to another level and stayed. Pure.

Found by ranks, so that a few wild values make none, and halving: the best place for one step in the whole, then in both
parts. A step counts where chance hardly gives it, with the samples counted as fewer where each is like the one before
it; where the level changed by a share that matters; and where that is more than the series moves anyway. What repeats
every day is taken out first, where there are days enough to see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from keepwell.series.sample import Series, median

#: Samples on each side of a step, at least.
LEAST_SAMPLES = 8
#: Share of the old level by which the new one must differ.
LEAST_CHANGE = 0.15
#: Times the usual distance of a sample from its level that a step must be.
LEAST_SPREADS = 1.5
#: The chance of a step as large in a series without one; looked at are some dozens of series, hour by hour.
CHANCE = 1e-3
#: Samples that are looked at, the newest: more are put together before.
MOST_SAMPLES = 2_000
#: Samples in which pairs of steps are looked for, too: that costs the square of their number, 25 ms for so many.
PAIRED_SAMPLES = 340
#: Steps of one series at most.
MOST_STEPS = 8
#: Likeness beyond which it is not told apart from a level that wanders: then each sample is worth a fortieth.
MOST_LIKENESS = 0.95
#: Days before what repeats every day can be told from what does not, and parts of a day.
DAYS, PARTS = 4, 24
DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `before` to `after`, the middles of the levels. `at` is the first sample of the new one, `earliest` the last
    of the old one: it happened between the two. `chance` is how likely a series without a step shows one.
    """

    at: float
    earliest: float
    before: float
    after: float
    chance: float

    @property
    def times(self) -> float:
        """How many times the old level the new one is; inf from nothing."""
        if not self.before:
            return math.inf
        return self.after / self.before


def find_steps(series: Series) -> tuple[Step, ...]:
    """Every step, the oldest first. Costs sorting the samples a few times: some ten milliseconds for a thousand."""
    times, values = series.times[-MOST_SAMPLES:], series.values[-MOST_SAMPLES:]
    level = _without_days(times, values)
    places = dict(sorted(_search(level, 0, len(level))))
    for place in _weak(level, list(places)):
        del places[place]
    places = {_settle(level, *one): places[one[1]] for one in list(_parts(list(places), len(level)))}
    found = []
    for start, place, end in _parts(list(places), len(level)):
        before, after = median(values[start:place]), median(values[place:end])
        step = Step(at=times[place], earliest=times[place - 1], before=before, after=after, chance=places[place])
        found.append(step)
    return tuple(found[-MOST_STEPS:])


def _search(values: Sequence[float], start: int, end: int) -> Iterator[tuple[int, float]]:
    part = values[start:end]
    if len(part) < 2 * LEAST_SAMPLES:
        return
    place, height = _best_place(part)
    places, chance = [place], _chance(len(part), height, _worth(part, _with_sides(part, place)))
    if chance > CHANCE and 3 * LEAST_SAMPLES <= len(part) <= PAIRED_SAMPLES:
        places, chance = _search_pair(part)
    if chance <= CHANCE:
        yield from ((start + one, chance) for one in places)
        for first, last in pairwise([0, *places, len(part)]):
            yield from _search(values, start + first, start + last)


def _search_pair(values: Sequence[float]) -> tuple[list[int], float]:
    """The span whose ranks differ most from those around it, and its chance: up and back looks like nothing when only
    one step is looked for.
    """
    sums = [0.0, *accumulate(_ranks(values))]
    count = len(values)
    best, pair = 0.0, (0, count)
    for first in range(LEAST_SAMPLES, count - 2 * LEAST_SAMPLES + 1):
        for last in range(first + LEAST_SAMPLES, count - LEAST_SAMPLES + 1):
            size = last - first
            away = sums[last] - sums[first] - size * (count + 1) / 2.0
            here = away * away / (size * (count - size))
            if here > best:
                best, pair = here, (first, last)
    if not best:
        return [], 1.0
    worth = _worth(values, pair)
    return list(pair), min(1.0, count**2 / 2 * math.erfc(math.sqrt(best * 12.0 / (count + 1) * worth / 2.0)))


def _settle(values: Sequence[float], start: int, place: int, end: int) -> int:
    """The best place between the steps on both sides, which were not known when it was found."""
    if end - start < 2 * LEAST_SAMPLES:
        return place
    return start + _best_place(values[start:end])[0]


def _weak(values: Sequence[float], places: list[int]) -> Iterator[int]:
    """Places that are no steps between the levels on their two sides: the weakest first, until none is left."""
    kept = list(places)
    while kept:
        parts = list(_parts(kept, len(values)))
        height, place = min((_height(values, *one), one[1]) for one in parts)
        if height >= 1.0:
            return
        kept.remove(place)
        yield place


def _parts(places: Sequence[int], count: int) -> Iterator[tuple[int, int, int]]:
    """Each place with where the level before it begins and the one after it ends."""
    edges = [0, *places, count]
    yield from zip(edges, places, edges[2:], strict=False)


def _height(values: Sequence[float], start: int, place: int, end: int) -> float:
    """How high a step is, 1 being the least that counts: of a share of its level, and of what it moves anyway."""
    before, after = median(values[start:place]), median(values[place:end])
    rest = [abs(one - before) for one in values[start:place]] + [abs(one - after) for one in values[place:end]]
    least = max(LEAST_CHANGE * max(abs(before), abs(after)), LEAST_SPREADS * median(rest))
    if not least:
        return 0.0
    return abs(after - before) / least


def _best_place(values: Sequence[float]) -> tuple[int, float]:
    """Where the ranks of both sides differ most, and by how many times as much as they do by chance (Wilcoxon)."""
    ranks = _ranks(values)
    count = len(values)
    total = sum(ranks[: LEAST_SAMPLES - 1])
    place, height = LEAST_SAMPLES, 0.0
    for size in range(LEAST_SAMPLES, count - LEAST_SAMPLES + 1):
        total += ranks[size - 1]
        spread = math.sqrt(size * (count - size) * (count + 1) / 12.0)
        here = abs(total - size * (count + 1) / 2.0) / spread
        if here > height:
            place, height = size, here
    return place, height


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1 on; equal ones share the middle of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    index = 0
    while index < len(order):
        last = index
        while last + 1 < len(order) and values[order[last + 1]] == values[order[index]]:
            last += 1
        for one in order[index : last + 1]:
            ranks[one] = (index + last) / 2 + 1.0
        index = last + 1
    return ranks


def _chance(count: int, height: float, worth: float) -> float:
    """That of the normal law, of as many samples as are worth one each, at any of the places."""
    places = count - 2 * LEAST_SAMPLES + 1
    return min(1.0, places * math.erfc(height * math.sqrt(worth / 2.0)))


def _with_sides(values: Sequence[float], place: int) -> list[int]:
    """This step and the best one on either side of it."""
    places = [place]
    for start, end in ((0, place), (place, len(values))):
        if end - start >= 2 * LEAST_SAMPLES:
            places.append(start + _best_place(values[start:end])[0])
    return sorted(places)


def _worth(values: Sequence[float], places: Sequence[int]) -> float:
    """What each sample is worth beside the one before it, 0..1: the more it is like it once steps are out, the less."""
    rest: list[float] = []
    for start, end in pairwise([0, *places, len(values)]):
        level = median(values[start:end])
        rest += [value - level for value in values[start:end]]
    edge = 4.0 * median([abs(one) for one in rest])
    rest = [max(-edge, min(edge, one)) for one in rest]
    power = sum(one * one for one in rest)
    if not power:
        return 1.0
    likeness = max(0.0, min(MOST_LIKENESS, sum(one * two for one, two in pairwise(rest)) / power + _BIAS / len(rest)))
    return (1.0 - likeness) / (1.0 + likeness)


#: What estimating the levels takes from the likeness of so many samples, about: two for each of them.
_BIAS = 8.0


def _without_days(times: Sequence[float], values: Sequence[float]) -> list[float]:
    """The values divided by what is usual at their time of day, where there are days enough to know that."""
    if not times or times[-1] - times[0] < DAYS * DAY or min(values) <= 0:
        return list(values)
    whole = median(values)
    parts: dict[int, list[float]] = {}
    for at, value in zip(times, values, strict=True):
        parts.setdefault(int(at % DAY // (DAY / PARTS)), []).append(value)
    usual = {part: median(found) for part, found in parts.items()}
    return [value * whole / usual[int(at % DAY // (DAY / PARTS))] for at, value in zip(times, values, strict=True)]
