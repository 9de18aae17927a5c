"""What the gym gives back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.testing.gym.score import Score
from keepwell.testing.gym.trial import PairTrial, Trial, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class GymReport:
    """A run of the gym: the score, every trial, and the healthy windows in which something was said to be wrong.

    `without` are the parts of the diagnosis that were switched off. `planned` is how many trials were asked for;
    `partial`: the run was broken off, and this is what was played of them.
    """

    at: float
    seconds: float
    seed: int
    without: tuple[str, ...]
    score: Score
    trials: tuple[Trial, ...]
    pairs: tuple[PairTrial, ...]
    alarms: tuple[Window, ...]
    planned: int = 0
    partial: bool = False

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.gym/1"

    @property
    def exit_code(self) -> int:
        """1 when a bar was missed (see docs/gym.md), else 0; bars of what was not played are not judged. What a shell
        expects after Ctrl-C where the run was broken off.
        """
        if self.partial:
            return BROKEN_OFF
        return int(any(not one.met for one in self.bars))

    @property
    def bars(self) -> tuple[Bar, ...]:
        """What must hold, of what was played."""
        score = self.score
        shares = (
            ("first cause right", score.top1.of, score.top1.ratio, TOP1),
            ("whole way on real processes", score.whole_real.of, score.whole_real.ratio, WHOLE),
            ("both faults of a pair named", score.pairs.of, score.pairs.ratio, PAIRS),
        )
        found = [Bar(what=what, value=value, bar=bar, met=value >= bar) for what, of, value, bar in shares if of]
        limits = (
            ("alarms in healthy windows", score.alarms.of, score.alarms.ratio, ALARMS),
            ("probes to the verdict, median", score.probes_counted, score.probes_median, PROBES),
            ("seconds of a look, P95", score.top1.of, score.seconds_p95, SECONDS),
        )
        found += [Bar(what=what, value=value, bar=bar, met=value <= bar) for what, of, value, bar in limits if of]
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar and how it was met."""

    what: str
    value: float
    bar: float
    met: bool


#: Exit code of a partial report: 128 and the number of SIGINT.
BROKEN_OFF = 130
#: Shares that must be reached, and values that must not be exceeded.
TOP1, WHOLE, PAIRS = 0.90, 0.90, 0.70
ALARMS, PROBES, SECONDS = 0.01, 6.0, 10.0
