"""A result in figures: times by vLLM's definitions with how sure they are, rates, goodput, errors. Pure.

Times are of good answers by models that were in memory: an answer that had to wait for its model tells how fast
loading is, and is a figure of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from keepwell.bench.goals import Goals, meets
from keepwell.bench.intervals import find_mean_interval, find_quantile, find_quantile_interval, find_wilson
from keepwell.bench.result import OUTCOMES, Result, Row
from keepwell.core.observation import Missing, absent, unknown

#: The quantiles that are told.
SHARES = (0.5, 0.9, 0.95, 0.99)
#: Each time with what it is called and how it is worked out.
FORMULAS = {
    "ttft": ("time to first token", "first token - sent"),
    "ttft_due": ("time to first token, from when it was due", "first token - planned"),
    "tpot": ("time per output token", "(last token - first token) / (output tokens - 1), one figure a request"),
    "itl": ("inter-token latency", "each gap between two reads that bring tokens, pooled over requests"),
    "e2e": ("whole answer", "end - sent"),
    "e2e_due": ("whole answer, from when it was due", "end - planned"),
}
#: What was under way when a load was ended.
_GIVEN_UP = float(OUTCOMES.index("given_up"))
#: The reading of what devices drew meanwhile, in `Result.meanwhile`.
JOULES = "energy_joules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A quantile in seconds and its 95 % interval; `low` and `high` are Missing of too few requests."""

    share: float
    value: float
    low: float | Missing
    high: float | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """One kind of time, in seconds, over `count` figures: `sd` is their standard deviation."""

    name: str
    title: str
    formula: str
    count: int
    mean: float
    mean_low: float | Missing
    mean_high: float | Missing
    sd: float
    least: float
    most: float
    quantiles: tuple[Quantile, ...]

    def at(self, share: float) -> float:
        """The quantile of this share; nan if it is none of those that are told."""
        return next((one.value for one in self.quantiles if one.share == share), math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodput:
    """Answers within the goals: so many of all that were sent, their share with Wilson's interval, and a second."""

    goals: Mapping[str, float]
    good: int
    of: int
    share: float
    low: float
    high: float
    per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A stretch of load in figures.

    `requests` were sent, `answered` well, of which `cold` had to wait for their model to be loaded; `errors` are the
    others by kind. `seconds` is from the first send to the last end; all `per_second` are over it. `offered` is how
    many a second the schedule asked for, Missing where answers decided. `times` are those of FORMULAS that are known.
    `tokens_per_read` above 1 says that tokens came several at a time, so that a gap is not a token. `closely` is how
    many answers were read part by part: itl is of those, all else also of those that were read `loosely`.
    """

    requests: int
    answered: int
    cold: int
    errors: Mapping[str, int]
    seconds: float
    offered: float | Missing
    requests_per_second: float
    output_tokens_per_second: float | Missing
    input_tokens_per_second: float | Missing
    input_tokens: float | Missing
    output_tokens: float | Missing
    tokens_per_read: float | Missing
    closely: int
    loosely: int
    times: tuple[Times, ...]
    cold_ttft: float | Missing
    goodput: Goodput | Missing
    joules_per_token: float | Missing
    meanwhile: Mapping[str, float] = field(default_factory=dict)

    def find(self, name: str) -> Times | None:
        """The times of this name, None where there are none."""
        return next((one for one in self.times if one.name == name), None)


def summarise(result: Result, goals: Goals | None = None) -> Summary:
    """The figures of a result. Costs about 10 µs a request. What was under way when somebody ended it is left out: it
    is neither an answer nor a failure.
    """
    rows = [one for one in result.rows if not (result.stopped and one.outcome == _GIVEN_UP)]
    good = [one for one in rows if not one.outcome]
    warm = [one for one in good if not one.cold]
    seconds = _span(rows)
    output = _total(one.output_tokens for one in good)
    drawn = result.meanwhile.get(JOULES, math.nan)
    return Summary(
        requests=len(rows),
        answered=len(good),
        cold=len(good) - len(warm),
        errors=count_errors(rows),
        seconds=seconds,
        offered=_offered(result, rows),
        requests_per_second=_rate(len(good), seconds),
        output_tokens_per_second=_or(_rate(output, seconds), "the engine did not count its tokens"),
        input_tokens_per_second=_or(
            _rate(_total(one.input_tokens for one in good), seconds), "the engine did not count its tokens"
        ),
        input_tokens=_or(_mean([one.input_tokens for one in good]), "the engine did not count its tokens"),
        output_tokens=_or(_mean([one.output_tokens for one in good]), "the engine did not count its tokens"),
        tokens_per_read=_or(_find_tokens_per_read(good), "answers were not streamed"),
        closely=sum(one.events > 0 for one in warm),
        loosely=sum(math.isnan(one.events) for one in warm),
        times=tuple(_find_times(result, warm)),
        cold_ttft=_or(_mean([one.first - one.sent for one in good if one.cold]), "no model had to be loaded"),
        goodput=find_goodput(rows, goals or {}, seconds),
        joules_per_token=_or(_share(drawn, output), "nothing on this node told what it drew"),
        meanwhile={name: value for name, value in result.meanwhile.items() if math.isfinite(value)},
    )


def find_goodput(rows: Sequence[Row], goals: Goals, seconds: float) -> Goodput | Missing:
    """How many of all requests were answered within the goals."""
    if not goals:
        return absent("no goal was set: --goal ttft=500ms,itl=50ms")
    if not rows:
        return unknown("nothing was sent")
    good = sum(meets(one, goals) for one in rows)
    interval = find_wilson(good, len(rows))
    return Goodput(
        goals={str(name): limit for name, limit in goals.items()},
        good=good,
        of=len(rows),
        share=good / len(rows),
        low=interval.low,
        high=interval.high,
        per_second=_rate(good, seconds),
    )


def count_errors(rows: Iterable[Row]) -> dict[str, int]:
    """How many requests ended in each kind of error, the most frequent first."""
    counts = Counter(OUTCOMES[int(one.outcome)] for one in rows if one.outcome)
    return dict(counts.most_common())


def find_figures(rows: Sequence[Row], name: str) -> list[float]:
    """The known figures of one kind of time (but for itl, which is no figure of a request), in the rows' order."""
    made = {
        "ttft": (one.first - one.sent for one in rows),
        "ttft_due": (one.first - one.planned for one in rows),
        "tpot": ((one.last - one.first) / (one.output_tokens - 1) for one in rows if one.output_tokens > 1),
        "e2e": (one.ended - one.sent for one in rows),
        "e2e_due": (one.ended - one.planned for one in rows),
    }[name]
    return [one for one in made if math.isfinite(one)]


def measure_times(name: str, figures: Sequence[float]) -> Times:
    """These figures (at least one), in the order of time, as one kind of time."""
    ordered = sorted(figures)
    mean = fmean(figures)
    interval = find_mean_interval(figures)
    title, formula = FORMULAS[name]
    few = "too few requests for an interval"
    quantiles = []
    for share in SHARES:
        low, high = find_quantile_interval(ordered, share)
        value = find_quantile(ordered, share)
        quantiles.append(Quantile(share=share, value=value, low=_or(low, few), high=_or(high, few)))
    return Times(
        name=name,
        title=title,
        formula=formula,
        count=len(figures),
        mean=mean,
        mean_low=_or(interval.low, few),
        mean_high=_or(interval.high, few),
        sd=math.sqrt(fmean([(one - mean) ** 2 for one in figures])),
        least=ordered[0],
        most=ordered[-1],
        quantiles=tuple(quantiles),
    )


def _find_times(result: Result, rows: Sequence[Row]) -> Iterable[Times]:
    """Those that are known; from when it was due only where a schedule said when."""
    scheduled = result.load.shape != "concurrent"
    for name in FORMULAS:
        figures = list(result.itl)
        if name != "itl":
            figures = find_figures(rows, name)
        if figures and (scheduled or not name.endswith("_due")):
            yield measure_times(name, figures)


def _find_tokens_per_read(rows: Sequence[Row]) -> float:
    """Of answers of which both are known."""
    known = [one for one in rows if math.isfinite(one.events) and math.isfinite(one.output_tokens)]
    return _share(_total(one.output_tokens for one in known), _total(one.events for one in known))


def _offered(result: Result, rows: Sequence[Row]) -> float | Missing:
    """By the instants that the schedule gave: n requests are n - 1 gaps."""
    if result.load.shape == "concurrent":
        return absent("each client sent when its last answer was there")
    planned = [one.planned for one in rows if math.isfinite(one.planned)]
    if len(planned) < 2 or max(planned) <= min(planned):
        return unknown("too few requests were planned")
    return (len(planned) - 1) / (max(planned) - min(planned))


def _span(rows: Sequence[Row]) -> float:
    sent = [one.sent for one in rows if math.isfinite(one.sent)]
    ended = [one.ended for one in rows if math.isfinite(one.ended)]
    if not sent or not ended:
        return 0.0
    return max(0.0, max(ended) - min(sent))


def _total(figures: Iterable[float]) -> float:
    """The sum of what is known, nan where nothing is."""
    known = [one for one in figures if math.isfinite(one)]
    if not known:
        return math.nan
    return math.fsum(known)


def _mean(figures: Sequence[float]) -> float:
    known = [one for one in figures if math.isfinite(one)]
    if not known:
        return math.nan
    return fmean(known)


def _rate(count: float, seconds: float) -> float:
    if seconds <= 0:
        return 0.0 * count
    return count / seconds


def _share(part: float, of: float) -> float:
    if not of > 0:
        return math.nan
    return part / of


def _or(number: float, why: str) -> float | Missing:
    if math.isfinite(number):
        return number
    return unknown(why)
