"""Reading engine.speed: rates and times of its rows, the engine's own word first, the wall clock beside it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keepwell.core.observation import Missing, Value
from keepwell.core.values import find_number, row_of, rows_of, text_of

#: Tokens below which a rate says nothing: the first ones carry what is done once a request.
LEAST_TOKENS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Tokens per second as the engine counted them (0.0 where it tells none) and by the wall clock."""

    own: float
    wall: float

    @property
    def best(self) -> float:
        """The engine's own, which leaves loading, waiting and the network out; the wall clock where there is none."""
        return self.own or self.wall


def rows_of_kind(speed: Value | Missing, kind: str) -> tuple[Mapping[str, Value], ...]:
    """The requests of one kind."""
    return tuple(row for row in rows_of(row_of(speed).get("requests")) if text_of(row, "kind") == kind)


def generation_rates(speed: Value | Missing) -> tuple[Rate, ...]:
    """Generation speed of each request that was long enough.

    The wall clock's is over what is left when loading, waiting and the prompt, as far as told, are taken away.
    """
    rates = []
    for row in rows_of_kind(speed, "generation"):
        tokens, timed = number_of(row, "output_tokens"), number_of(row, "timed_tokens")
        if tokens < LEAST_TOKENS:
            continue
        own = _rate(timed, number_of(row, "output_seconds"))
        before = number_of(row, "load_seconds") + number_of(row, "input_seconds") + number_of(row, "queue_seconds")
        rates.append(Rate(own=own, wall=_rate(tokens, number_of(row, "seconds") - before)))
    return tuple(rates)


def generation_rate(speed: Value | Missing) -> float:
    """The median of the generation speeds; 0.0 if there is none."""
    return median_of(one.best for one in generation_rates(speed))


def input_rate(speed: Value | Missing) -> float:
    """Tokens of a long prompt read per second; 0.0 if it was not measured."""
    for row in rows_of_kind(speed, "prompt"):
        seconds = number_of(row, "input_seconds") or number_of(row, "seconds")
        return _rate(number_of(row, "input_tokens"), seconds)
    return 0.0


def first_token_seconds(speed: Value | Missing) -> float:
    """What a request for one token took when the model was there; 0.0 if it was not measured."""
    for row in rows_of_kind(speed, "again"):
        return number_of(row, "seconds")
    return 0.0


def untold_seconds(row: Mapping[str, Value]) -> float | None:
    """How much longer a request took by the wall clock than its parts in the engine's own words; None where the
    engine tells nothing.
    """
    parts = [
        find_number(row.get(name)) for name in ("load_seconds", "queue_seconds", "input_seconds", "output_seconds")
    ]
    told = [one for one in parts if one is not None]
    if not told:
        return None
    return number_of(row, "seconds") - sum(told)


def number_of(row: Mapping[str, Value], name: str) -> float:
    """A number of a row; 0.0 where it is not told."""
    return find_number(row.get(name)) or 0.0


def median_of(numbers: Iterable[float]) -> float:
    """The median of those above zero; 0.0 if there is none."""
    held = [one for one in numbers if one > 0]
    if not held:
        return 0.0
    return statistics.median(held)


def _rate(tokens: float, seconds: float) -> float:
    if tokens <= 0 or seconds <= 0:
        return 0.0
    return tokens / seconds
