"""How a run of a batch goes, in a line: on a bar that moves, or every so often where nobody sees one."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, isnan

from keepwell.app.operation import Caller
from keepwell.batch.energy import Energy, render_energy
from keepwell.batch.job import Target, Told
from keepwell.core.clock import Clock
from keepwell.core.observation import Missing
from keepwell.core.secret import mask_text
from keepwell.store.batch_state import BatchState

#: Seconds between two lines where there is no bar: the first ones come sooner.
FIRST_LINES, LINE_SECONDS = (2.0, 10.0, 30.0), 60.0
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
#: What troubles are called.
WORDS: Mapping[str, str] = {
    "transport": "connection lost",
    "overloaded": "too many requests",
    "server": "error of the server",
    "no_model": "no such model",
    "memory": "out of memory",
    "too_long": "too long for the context",
    "bad_request": "not a valid request",
    "refused": "not allowed",
    "truncated": "answer torn",
    "invalid": "answer not as wished",
    "timeout": "no answer in time",
    "cancelled": "cancelled",
    "expired": "expired",
}


class Telling:
    """Called with how far a run is, about once a second."""

    def __init__(self, caller: Caller, clock: Clock, energy: Energy) -> None:
        self._caller = caller
        self._clock = clock
        self._energy = energy
        self._lines = iter(FIRST_LINES)
        self._begun = clock.monotonic()
        self._next = self._begun + next(self._lines)

    def __call__(self, told: Told) -> None:
        """Tell it."""
        used = describe_energy(self._energy)
        self._caller.progress(describe(told, counts=False) + used, told.done, told.total)
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = max(now, self._begun + next(self._lines, now - self._begun + LINE_SECONDS))
            if not self._caller.watched:
                self._caller.note(describe(told) + used)


def describe(told: Told, *, counts: bool = True) -> str:
    """One line: how many, how fast, how long still."""
    parts = []
    if counts:
        parts.append(f"{told.done} of {told.total}")
    if told.rate > 0:
        parts.append(f"{told.rate:.3g}/s")
    if told.output_tokens and told.seconds > 0 and told.done_here:
        tokens = told.rate * told.output_tokens / max(1, told.done)
        parts.append(f"{tokens:.3g} tokens/s")
    parts.append(f"{told.in_flight} at a time")
    if told.done < told.total:
        parts.append(describe_left(told.left_low, told.left_high))
    parts += [f"{count} {WORDS.get(name, name)}" for name, count in sorted(told.troubles.items())]
    return ", ".join(part for part in parts if part)


def describe_energy(energy: Energy) -> str:
    """ ", 210 W, 1.2 kWh", "" where it is not known."""
    watts, joules = energy.watts, energy.joules
    if isinstance(watts, Missing) or isinstance(joules, Missing):
        return ""
    return f", {watts:.0f} W, {render_energy(joules)}"


def describe_left(low: float, high: float) -> str:
    """ "12 to 15 min left"; "" where nothing can be said."""
    if isnan(low):
        return ""
    if not isfinite(low):
        return "nothing comes"
    if not isfinite(high):
        return f"at least {render_time(low)} left"
    if render_time(low) == render_time(high):
        return f"{render_time(low)} left"
    return f"{render_time(low)} to {render_time(high)} left"


def render_time(seconds: float) -> str:
    """A length of time in its largest unit."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"


def describe_begin(batch: str, state: BatchState, targets: tuple[Target, ...]) -> str:
    """What is begun, or gone on with."""
    asked = mask_text(targets[0].url)
    if state.done >= state.total > 0:
        return f"{batch}: all {state.total} are done"
    if state.done:
        return f"{batch}: goes on, {state.done} of {state.total} are done; asks {asked}"
    return f"{batch}: {state.total} to do, asks {asked}"
