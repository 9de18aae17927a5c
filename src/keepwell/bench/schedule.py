"""When requests of a load are to be sent: instants from its begin, the same again for the same load. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from keepwell.bench.load import Load, LoadShape


def make_instants(load: Load) -> Iterator[float]:
    """The instants of a load of a known rate, in seconds, never falling; endless where neither its seconds nor its
    requests end it. Its warm requests come first and are not among those that end it.

    A concurrent load has none (answers decide), a replay's are those of its prompts. Raises ValueError for a rate that
    is none, and for a ramp without an end.
    """
    made = _MADE[load.shape](load)
    end, most = load.seconds or math.inf, load.requests + load.warm
    for number, instant in enumerate(made):
        if instant >= end or (load.requests and number >= most):
            return
        yield instant


def count_expected(load: Load) -> float:
    """How many requests are to be expected; inf where nothing ends it, nan where answers or a file decide."""
    most = load.requests or math.inf
    if load.shape in ("concurrent", "replay"):
        return load.requests or math.nan
    if not load.seconds:
        return most
    rate = load.rate
    if load.shape == "ramp":
        rate = (load.rate + load.rate_to) / 2
    return min(most, rate * load.seconds)


def _make_constant(load: Load) -> Iterator[float]:
    rate = _require(load.rate)
    return (number / rate for number in count())


def _make_poisson(load: Load) -> Iterator[float]:
    """Gaps are exponential: each instant is as likely as any other, whatever came before."""
    rate, random, instant = _require(load.rate), Random(load.seed), 0.0
    while True:
        instant += random.expovariate(rate)
        yield instant


def _make_ramp(load: Load) -> Iterator[float]:
    """Where the integral of a rate that changes evenly is a whole number: a·t + (b - a)·t² / 2T = n."""
    first, last = load.rate, _require(load.rate_to)
    if first < 0 or not math.isfinite(first):
        raise ValueError("a ramp begins at a rate of 0 or more")
    seconds = load.seconds
    if not seconds and load.requests:
        seconds = 2 * (load.requests + load.warm) / (first + last)
    if not seconds:
        raise ValueError("a ramp needs an end: seconds or requests")
    slope = (last - first) / seconds
    for number in count():
        inside = first * first + 2 * slope * number
        if inside < 0:
            return
        # the form of the solution that stays exact for a slope of nearly 0; the first is at 0
        yield 2 * number / ((first + math.sqrt(inside)) or 1.0)


def _make_none(load: Load) -> Iterator[float]:
    raise ValueError(f"a {load.shape} load has no instants of its own")


def _require(rate: float) -> float:
    if not (rate > 0 and math.isfinite(rate)):
        raise ValueError(f"{rate:g} requests a second is no rate")
    return rate


_MADE: dict[LoadShape, Callable[[Load], Iterator[float]]] = {
    "concurrent": _make_none,
    "constant": _make_constant,
    "poisson": _make_poisson,
    "ramp": _make_ramp,
    "replay": _make_none,
}
