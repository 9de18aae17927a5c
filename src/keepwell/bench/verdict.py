"""Verdict: are two sets of runs the same, is the second worse or better, or can that not be told? Pure.

The unit is a run: each gives one figure a measure (its median ttft, say). Requests of one run follow each other and are
alike, so that a test which took each for one of its own would find a difference between any two runs.

- Figures are compared as logarithms: a difference is a ratio, and what makes one request slow multiplies.
- The test is Yuen's, Welch's t on trimmed means: a fifth at each end is cut, so that a run into which other work fell
  neither makes a difference nor hides one. (Yuen, "The two-sample trimmed t for unequal population variances",
  Biometrika 61, 1974; Tukey and McLaughlin 1963 for pairs.)
- Runs that were taken in turn are compared in pairs: what was slow for both cancels.
- Worse means: unlikely by chance (all measures together, by Holm's correction) AND by more than the least difference
  that matters. Same means: the interval of the ratio lies within that difference (two one-sided tests). All else is no
  verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, TypeAlias

from keepwell.bench.student import find_bound, find_chance

Word: TypeAlias = Literal["same", "regressed", "improved", "no verdict"]

#: Measures of which more is better; of all others less is.
MORE_IS_BETTER = frozenset({"output_tokens_per_second", "requests_per_second", "goodput", "answered"})
#: Figures that are cut at each end, of all.
TRIM = 0.2
#: Runs of each side below which nothing is said: the trimmed mean of four stands on two.
LEAST_RUNS = 5
#: The least difference that can be: clocks and rounding. It is the error of runs that are all alike.
RESOLUTION = 0.001
#: How often both one-sided tests of "same" may be wrong, each: the usual 5 %.
SAME_CHANCE = 0.05
#: Runs that are told as needed at most: more is no plan.
MOST_RUNS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What counts: the least difference (0.05: 5 %), how often all measures together may raise a false alarm, and the
    standard deviation by which the two sets differ although nothing changed (as a share; 0 for sets that were taken in
    turn). That stands on earlier sets, one more than `freedom`; infinite where it is an allowance.
    """

    least: float = 0.05
    chance: float = 0.01
    drift: float = 0.0
    freedom: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One measure: after as a multiple of before, its 90 % interval, and how likely so much is by chance (corrected).

    `before` and `after` are the trimmed middles of the figures, nan where there is no test; `why` says in words why
    there is no verdict, or is "". `runs` a side would find twice the least difference nearly always.
    """

    measure: str
    word: Word
    before: float = math.nan
    after: float = math.nan
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    chance: float = 1.0
    runs: int = 0
    why: str = ""

    @property
    def worse(self) -> float:
        """By how much it is worse, as a share (0.1: 10 % slower, or a rate 10 % lower); negative where it is better."""
        if self.measure in MORE_IS_BETTER:
            return 1.0 - self.ratio
        return self.ratio - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All measures, and the word for all of them: regressed if any is; improved if any is and none regressed; the same
    only if all are.
    """

    word: Word
    measures: tuple[Judged, ...]

    @property
    def regressed(self) -> tuple[Judged, ...]:
        """The measures that became worse, the worst first."""
        return tuple(sorted((one for one in self.measures if one.word == "regressed"), key=_least_worse_last))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """The trimmed middle of a difference of logarithms, its standard error and degrees of freedom."""

    before: float
    after: float
    error: float
    freedom: float
    runs: int


def judge(
    before: Mapping[str, Sequence[float]],
    after: Mapping[str, Sequence[float]],
    rules: Rules | None = None,
    *,
    paired: bool = False,
) -> Verdict:
    """The verdict on figures of runs, by measure; those that only one side has are left out.

    `paired`: the runs were taken in turn, and the figures of both sides at one place belong together.
    """
    rules = rules or Rules()
    names = [name for name in before if name in after]
    tests = {name: _try(before[name], after[name], rules, paired=paired) for name in names}
    whole = {name: test for name, test in tests.items() if isinstance(test, _Test)}
    chances = correct({name: _chance(test) for name, test in whole.items()})
    judged = []
    for name, test in tests.items():
        if isinstance(test, str):
            judged.append(Judged(measure=name, word="no verdict", why=test))
        else:
            judged.append(_judge(name, test, chances[name], rules))
    return Verdict(word=_together(judged), measures=tuple(judged))


def correct(chances: Mapping[str, float]) -> dict[str, float]:
    """Chances of several tests such that all together are wrong no more often than one (Holm's step-down way)."""
    corrected: dict[str, float] = {}
    most = 0.0
    for place, name in enumerate(sorted(chances, key=chances.__getitem__)):
        most = max(most, min(1.0, chances[name] * (len(chances) - place)))
        corrected[name] = most
    return corrected


def _try(before: Sequence[float], after: Sequence[float], rules: Rules, *, paired: bool) -> _Test | str:
    """The test, or why there can be none."""
    if paired and len(before) != len(after):
        raise ValueError("runs that were taken in turn are equally many on both sides")
    if paired:
        pairs = [(a, b) for a, b in zip(before, after, strict=True) if _is_known(a) and _is_known(b)]
        first, second = [math.log(a) for a, _ in pairs], [math.log(b) for _, b in pairs]
    else:
        first = [math.log(one) for one in before if _is_known(one)]
        second = [math.log(one) for one in after if _is_known(one)]
    runs = min(len(first), len(second))
    if runs < LEAST_RUNS:
        return f"{LEAST_RUNS} runs a side are needed; there are {len(first)} and {len(second)}"
    if paired:
        middle = _middle(first)
        gaps = [b - a for a, b in zip(first, second, strict=True)]
        square, freedom = _spread(gaps)
        found = middle, middle + _middle(gaps)
    else:
        one, two = _spread(first), _spread(second)
        square = one[0] + two[0]
        found, freedom = (_middle(first), _middle(second)), _welch(one, two)
    freedom = _welch((square, freedom), (rules.drift**2, rules.freedom))
    error = math.sqrt(square + RESOLUTION**2 + rules.drift**2)
    return _Test(before=found[0], after=found[1], error=error, freedom=freedom, runs=runs)


def _judge(name: str, test: _Test, chance: float, rules: Rules) -> Judged:
    gap = test.after - test.before
    half = find_bound(2 * SAME_CHANCE, test.freedom) * test.error
    ratio, low, high = math.exp(gap), math.exp(gap - half), math.exp(gap + half)
    least = math.log1p(rules.least)
    word: Word = "no verdict"
    why = ""
    if chance <= rules.chance and abs(gap) >= least:
        word = _WORDS[(gap > 0) != (name in MORE_IS_BETTER)]
    elif gap - half > -least and gap + half < least:
        word = "same"
    else:
        why = f"it may be anything from {low - 1:+.0%} to {high - 1:+.0%}"
    return Judged(
        measure=name,
        word=word,
        before=math.exp(test.before),
        after=math.exp(test.after),
        ratio=ratio,
        low=low,
        high=high,
        chance=chance,
        runs=_needed(test, rules),
        why=why,
    )


#: Whether it is worse.
_WORDS: dict[bool, Word] = {True: "regressed", False: "improved"}


def _chance(test: _Test) -> float:
    return find_chance((test.after - test.before) / test.error, test.freedom)


def _needed(test: _Test, rules: Rules) -> int:
    """Runs a side with which twice the least difference would be found nearly always, if they vary as these do.

    The error must then be a fifth of it: 2.6 errors for a chance of 1 %, and as many so that it is rarely missed.
    """
    wanted = 2 * math.log1p(rules.least) / 5.2
    own = test.error**2 - rules.drift**2
    room = wanted**2 - rules.drift**2
    if room <= 0:
        return MOST_RUNS
    return max(LEAST_RUNS, min(MOST_RUNS, math.ceil(test.runs * own / room)))


def _together(judged: Sequence[Judged]) -> Word:
    words = {one.word for one in judged}
    if "regressed" in words:
        return "regressed"
    if "improved" in words:
        return "improved"
    if words == {"same"}:
        return "same"
    return "no verdict"


def _middle(figures: Sequence[float]) -> float:
    """The trimmed mean."""
    cut = int(TRIM * len(figures))
    return fmean(sorted(figures)[cut : len(figures) - cut])


def _spread(figures: Sequence[float]) -> tuple[float, float]:
    """The square of the trimmed mean's standard error, and its degrees of freedom: what was cut counts as much as the
    outermost figures that were not (winsorised).
    """
    cut = int(TRIM * len(figures))
    kept = sorted(figures)[cut : len(figures) - cut]
    moved = [kept[0]] * cut + kept + [kept[-1]] * cut
    middle = fmean(moved)
    squares = math.fsum((one - middle) ** 2 for one in moved)
    return squares / (len(kept) * (len(kept) - 1)), len(kept) - 1.0


def _welch(one: tuple[float, float], two: tuple[float, float]) -> float:
    """Degrees of freedom of a difference of two middles that vary unequally."""
    whole = one[0] ** 2 / one[1] + two[0] ** 2 / two[1]
    if not whole:
        return max(one[1], two[1])
    return (one[0] + two[0]) ** 2 / whole


def _is_known(figure: float) -> bool:
    return math.isfinite(figure) and figure > 0


def _least_worse_last(one: Judged) -> float:
    return -one.worse
