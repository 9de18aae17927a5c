"""The score of a gym run: shares over trials, times, probes. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keepwell.testing.gym.trial import NOT_TRIED, PairTrial, Trial, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of so many. `ratio` is 0 of none."""

    count: int
    of: int

    @property
    def ratio(self) -> float:
        """0 to 1."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the gym counts. Skipped trials count nowhere but in `skipped`.

    `whole` are trials of which the whole way was gone: found, the fix carried out, the check OK again, and undone
    where it can be; `whole_real` those on real processes. `undone` counts those that can be undone.
    `probes_median` is over trials whose probes could be counted (`probes_counted`), 0 of none. `seconds_*` are of
    all first looks.
    """

    kinds_made: int
    kinds_real: int
    top1: Share
    top3: Share
    top1_made: Share
    top1_real: Share
    whole: Share
    whole_real: Share
    undone: Share
    pairs: Share
    alarms: Share
    probes_median: float
    probes_p95: float
    probes_counted: int
    seconds_p50: float
    seconds_p95: float
    skipped: int


def score_all(trials: Sequence[Trial], pairs: Sequence[PairTrial], windows: Sequence[Window]) -> Score:
    """The score of all that was played."""
    played = [one for one in trials if not one.skipped]
    real = [one for one in played if one.kind == "real"]
    made = [one for one in played if one.kind == "made"]
    tried = [one for one in played if one.whole != NOT_TRIED]
    met = [one for one in pairs if not one.skipped]
    counts = sorted(one.probes for one in played if one.probes)
    seconds = sorted([*(one.seconds for one in played), *(one.seconds for one in met)])
    return Score(
        kinds_made=len({one.fault for one in made}),
        kinds_real=len({one.fault for one in real}),
        top1=share(one.top1 for one in played),
        top3=share(one.top3 for one in played),
        top1_made=share(one.top1 for one in made),
        top1_real=share(one.top1 for one in real),
        whole=share(one.whole == "" for one in tried),
        whole_real=share(one.whole == "" for one in tried if one.kind == "real"),
        undone=share(one.undone for one in tried if one.can_undo),
        pairs=share(one.both for one in met),
        alarms=share(one.alarm for one in windows),
        probes_median=float(statistics.median(counts)) if counts else 0.0,
        probes_p95=percentile(counts, 0.95),
        probes_counted=len(counts),
        seconds_p50=percentile(seconds, 0.5),
        seconds_p95=percentile(seconds, 0.95),
        skipped=len(trials) - len(played) + len(pairs) - len(met),
    )


def share(answers: Iterable[bool]) -> Share:
    """How many are true."""
    found = list(answers)
    return Share(count=sum(found), of=len(found))


def percentile(ordered: Sequence[float], part: float) -> float:
    """The value below which this part of an ordered row lies; 0 for an empty one."""
    if not ordered:
        return 0.0
    return float(ordered[min(len(ordered) - 1, int(part * len(ordered)))])
