"""Capacity: the largest load that keeps what was promised, of results; and estimates of what else would give. Pure.

Decoding one sequence reads every weight once a token, so tokens/s <= bandwidth / bytes of the weights (R. Pope et al.,
"Efficiently Scaling Transformer Inference", 2022, arXiv:2211.05102, section 2). A measured speed with its weights gives
the bandwidth that is really reached; with other weights on the same machine the speed goes with 1 / bytes. It holds for
a sequence alone and dense models: models of experts read fewer bytes, many sequences share one reading.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal, TypeAlias

from keepwell.bench.goals import Limit, meets
from keepwell.bench.result import Result, Row

Unit: TypeAlias = Literal["clients", "requests a second"]

#: Bits of a weight by quantisation: those of Llama 3.1 8B in llama.cpp's tools/quantize/README.md.
BITS = {"Q4_K_M": 4.8944, "Q5_K_M": 5.7036, "Q6_K": 6.5633, "Q8_0": 8.5008, "F16": 16.0005}
#: From which to which share of a bandwidth that a maker states decoding is usually had (see `keepwell.checks.speed`).
REACHED = (0.5, 0.85)
#: By how much a speed with other weights may be off what bytes alone say: other formats cost other work to unpack.
#: A choice, not measured here.
OFF = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """So large a share of requests (0..1) has `limit` within so many seconds; `name` is that of the objective."""

    limit: Limit
    seconds: float
    share: float
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One load that was measured: how large, what it gave, and why it was too much ("" where it was well)."""

    id: str
    at: float
    size: float
    unit: Unit
    requests_per_second: float
    output_tokens_per_second: float
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The largest load that was well with all smaller ones, None where none was; the smallest that was too much, None
    where none was tried.
    """

    unit: Unit
    best: Tried | None
    beyond: Tried | None
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """From where to where a number is thought to be; no measurement."""

    low: float
    high: float


def try_load(result: Result, promises: Sequence[Promise]) -> Tried | None:
    """A result as one load; None for a shape of which no size can be said, or one that its client limited."""
    load = result.load
    size, unit = float(load.clients), _UNITS[load.shape == "concurrent"]
    if load.shape in ("constant", "poisson"):
        size = load.rate
    if load.shape in ("ramp", "replay") or result.client.limited or not size:
        return None
    rows = [one for one in result.rows if not one.cold]
    good = [one for one in rows if not one.outcome]
    span = max((one.ended for one in good), default=0.0) - min((one.sent for one in good), default=0.0)
    tokens = math.fsum(one.output_tokens for one in good if math.isfinite(one.output_tokens))
    return Tried(
        id=result.id,
        at=result.created_at,
        size=size,
        unit=unit,
        requests_per_second=_divide(len(good), span),
        output_tokens_per_second=_divide(tokens, span),
        why=_find_miss(rows, promises),
    )


def find_capacities(tried: Iterable[Tried]) -> tuple[Capacity, ...]:
    """One for each unit. Of a load that was measured more than once the newest counts."""
    newest: dict[tuple[Unit, float], Tried] = {}
    for one in sorted(tried, key=attrgetter("at")):
        newest[one.unit, one.size] = one
    found = []
    for unit in dict.fromkeys(one.unit for one in newest.values()):
        ordered = sorted((one for one in newest.values() if one.unit == unit), key=attrgetter("size"))
        beyond = next((one for one in ordered if one.why), None)
        well = [one for one in ordered if not one.why and (beyond is None or one.size < beyond.size)]
        best = None
        if well:
            best = well[-1]
        found.append(Capacity(unit=unit, best=best, beyond=beyond, tried=tuple(ordered)))
    return tuple(found)


def estimate_speed(measured: float, bytes_now: float, bytes_then: float) -> Estimate:
    """Tokens a second of one sequence with weights of other size, from what was measured with these."""
    middle = measured * bytes_now / bytes_then
    return Estimate(low=middle * (1 - OFF), high=middle * (1 + OFF))


def estimate_from_bandwidth(bytes_per_second: float, weight_bytes: float) -> Estimate:
    """Tokens a second of one sequence by the bandwidth that a maker states."""
    bound = bytes_per_second / weight_bytes
    return Estimate(low=REACHED[0] * bound, high=REACHED[1] * bound)


def estimate_forms(weight_bytes: float, now: str) -> Mapping[str, float]:
    """Bytes of the weights in other quantisations, by their bits of a weight; none where this one is not known."""
    bits = BITS.get(now.upper())
    if bits is None or not weight_bytes:
        return {}
    return {name: weight_bytes * other / bits for name, other in BITS.items() if name != now.upper()}


def count_at_once(room: float, weight_bytes: float, work_bytes: float, cache_bytes: float) -> int:
    """How many requests at once fit beside the weights, each with its own cache; 0 where not even the weights do."""
    left = room - weight_bytes - work_bytes
    if left < 0 or cache_bytes <= 0:
        return 0
    return int(left // cache_bytes)


#: Whether clients are counted.
_UNITS: dict[bool, Unit] = {True: "clients", False: "requests a second"}


def _find_miss(rows: Sequence[Row], promises: Sequence[Promise]) -> str:
    """The first promise that was not kept, or that not all were answered where nothing is promised."""
    if not rows:
        return "nothing was answered"
    for one in promises:
        kept = sum(not row.outcome and meets(row, {one.limit: one.seconds}) for row in rows) / len(rows)
        if kept < one.share:
            return f"{one.limit} within {one.seconds:g} s: {kept:.1%} of requests, promised {100 * one.share:.6g} %"
    failed = sum(bool(row.outcome) for row in rows)
    if failed and not promises:
        return f"{failed} of {len(rows)} requests failed"
    return ""


def _divide(count: float, seconds: float) -> float:
    if seconds <= 0:
        return 0.0
    return count / seconds
