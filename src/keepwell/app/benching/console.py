"""What a person sees while a load runs: one line that changes, or without a terminal a line now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite

from keepwell.app.operation import Caller
from keepwell.bench.load import Load
from keepwell.bench.load_words import render_load
from keepwell.bench.schedule import count_expected
from keepwell.bench.tally import Progress
from keepwell.core.words import figure

#: Seconds between two lines where nobody sees one change.
LINE_SECONDS = 10.0


@dataclass(slots=True)
class Console:
    """Tells how far it is."""

    caller: Caller
    _told: float = 0.0

    def follow(self, load: Load) -> Callable[[Progress], None]:
        """What is to be called while this load runs."""
        self._told = 0.0
        words = render_load(load)

        def show(seen: Progress) -> None:
            done, total = find_share(seen, load)
            said = f"{words}: {describe_progress(seen)}"
            self.caller.progress(said, done, total)
            if not self.caller.watched and seen.seconds - self._told >= LINE_SECONDS:
                self._told = seen.seconds
                self.caller.tell(f"  {said}")

        return show


def find_share(seen: Progress, load: Load) -> tuple[int, int]:
    """How much of the load is over, by time or by requests, whichever ends it first."""
    by_time, by_count = 0.0, 0.0
    if load.seconds:
        by_time = seen.seconds / load.seconds
    expected = count_expected(load)
    if isfinite(expected) and 0 < expected < inf:
        by_count = (seen.answered + seen.failed) / expected
    return round(100 * min(1.0, max(by_time, by_count))), 100


def describe_progress(seen: Progress) -> str:
    """Answers, those under way, and tokens a second so far."""
    said = f"{seen.seconds:.0f} s, {seen.answered} answered, {seen.in_flight} under way"
    if seen.waiting:
        said += f", {seen.waiting} wait"
    if seen.failed:
        said += f", {seen.failed} failed"
    if seen.tokens and seen.seconds > 0:
        said += f", {figure(seen.tokens / seen.seconds)} tokens/s"
    return said
