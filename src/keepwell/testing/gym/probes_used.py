"""How many probes a verdict takes when they are made one after the other, instead of all at once as a survey does.

The game: nothing is known but the catalogue. Each move makes one probe, and those that it needs, and sees what they
saw in the whole survey; the checks whose observations are all there come out, the causes are ranked. It ends when a
cause is likely (from where the report names it) or no move is left. A move is chosen by expected information per
probe; without that choice the cheapest probe comes next. The inventory (processes, sockets, units, containers, devices
on the bus) counts as one probe: it only tells what there is to look at, and nothing can be looked at without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.core.finding import Check, Finding
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.issue import Issue
from keepwell.core.observation import Seen
from keepwell.diagnose.next_probe import BAD_ANYWAY
from keepwell.diagnose.scale import LOOKED
from keepwell.plugins.probe import Probe
from keepwell.survey.judge import judge
from keepwell.survey.survey import HINTS
from keepwell.survey.timetable import DISCOVERED, order_probes

#: How often a log holds the line by which a cause is told, where the catalogue knows one: engines tell of most that
#: ails them, the kernel of about a tenth of all causes (memory, disks, devices).
LOGS: Mapping[str, float] = {"log.text": 0.5, "log.kernel": 0.1}
#: From this weight on a line or finding tells a cause.
TELLING = 3.0
#: From here on a cause counts as named (see `keepwell.app.report`).
LIKELY = 0.5
#: Priors come from a few hundred incidents and are rough: as much of their logarithm counts as in the ranking.
PRIOR_SHARE = LOOKED.prior_share
#: What the probes count as together that tell what there is.
INVENTORY = "inventory"
INVENTORY_NAMES = (*HINTS, "device.list")

#: Findings and what was seen so far, to a ranking of causes.
Rank = Callable[[Seen, Sequence[Finding]], Diagnosis]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How the game went: the probes in the order in which they were made, and the cause that it ended with ("")."""

    probes: tuple[str, ...]
    cause: str


def count_probes(
    seen: Seen,
    probes: Mapping[str, Probe],
    checks: Sequence[Check],
    issues: Iterable[Issue],
    rank: Rank,
    *,
    choose: bool = True,
) -> Played:
    """Play the game on what a whole survey saw. `choose` off takes the cheapest probe next."""
    game = _Game(seen, probes, checks, tuple(issues))
    diagnosis = Diagnosis(hypotheses=(), unknown=1.0)
    while not any(one.confidence >= LIKELY for one in diagnosis.hypotheses[:1]):
        move = game.choose(diagnosis) if choose else game.cheapest()
        if not move:
            break
        game.make(move)
        here = game.visible()
        diagnosis = rank(here, judge(here, game.judged()))
    cause = next((one.issue for one in diagnosis.hypotheses), "")
    return Played(probes=game.counted(), cause=cause)


class _Game:
    """The probes that were made, and what can be seen by them."""

    def __init__(
        self, seen: Seen, probes: Mapping[str, Probe], checks: Sequence[Check], issues: tuple[Issue, ...]
    ) -> None:
        self.made: list[str] = []
        self._seen = seen
        self._probes = probes
        self._checks = checks
        self._issues = issues
        self._order = order_probes(probes)
        self._givers = {name: key for key, one in probes.items() for name in one.gives}
        self._inventory = {self._givers[name] for name in INVENTORY_NAMES if name in self._givers}
        self._prior = {one.id: one.prior**PRIOR_SHARE for one in issues}

    def make(self, move: Sequence[str]) -> None:
        """The probes look. A cause that they would have told and that is not named is less likely from now on."""
        fresh, logs = self._fresh(move)
        for issue in self._issues:
            self._prior[issue.id] *= 1.0 - _telling(issue, fresh, logs)
        self.made += move

    def counted(self) -> tuple[str, ...]:
        """The probes made, in order, those of the inventory as one."""
        names = (name if name not in self._inventory else INVENTORY for name in self.made)
        return tuple(dict.fromkeys(names))

    def visible(self) -> Seen:
        """The observations of the probes made so far, and of discovery once what it stands on was looked at."""
        names = self._names(self.made)
        return Seen(one for one in self._seen if one.name in names)

    def judged(self) -> list[Check]:
        """The checks of which everything was looked at."""
        names = self._names(self.made)
        return [one for one in self._checks if names.issuperset(one.needs)]

    def cheapest(self) -> list[str]:
        """The next probe by level and seconds, with what it needs."""
        left = [name for name in self._order if name not in self.made]
        left.sort(key=self._cost)
        return self._with_needs(left[0]) if left else []

    def choose(self, diagnosis: Diagnosis) -> list[str]:
        """The move that is expected to tell most per probe; [] when none is left."""
        shares = self._shares(diagnosis)
        moves = [self._with_needs(name) for name in self._order if name not in self.made]
        if not moves:
            return []
        return max(moves, key=lambda move: self._gain(move, shares) / self._count(move))

    def _count(self, move: Sequence[str]) -> int:
        """How many probes it counts as."""
        return len({name if name not in self._inventory else INVENTORY for name in move})

    def _cost(self, name: str) -> tuple[int, float]:
        return self._probes[name].level, self._probes[name].cost_seconds

    def _with_needs(self, name: str) -> list[str]:
        """The probe and all that must look before it and did not yet, in an order that works."""
        wanted: set[str] = set()
        todo = [name]
        while todo:
            one = todo.pop()
            if one in wanted or one in self.made:
                continue
            wanted.add(one)
            needs = set(self._probes[one].needs)
            if self._probes[one].about == "engine" or needs & DISCOVERED:
                needs |= set(HINTS)
            todo += [self._givers[need] for need in needs if need in self._givers]
        return [one for one in self._order if one in wanted]

    def _names(self, made: Sequence[str]) -> set[str]:
        names = {name for key in made for name in self._probes[key].gives}
        if names.issuperset(HINTS):
            names |= DISCOVERED
        return names

    def _shares(self, diagnosis: Diagnosis) -> dict[str, float]:
        """The probability of every cause now: as ranked, the unknown's spread over all others by what is left of
        their priors.
        """
        ranked = {one.issue: one.confidence for one in diagnosis.hypotheses}
        out = {one.issue for one in diagnosis.ruled_out}
        rest = {name: prior for name, prior in self._prior.items() if name not in ranked and name not in out}
        total = sum(rest.values()) or 1.0
        return ranked | {name: diagnosis.unknown * prior / total for name, prior in rest.items()}

    def _fresh(self, move: Sequence[str]) -> tuple[set[str], float]:
        """The checks that come out for the first time with this move, and how much a log tells that it reads."""
        names, before = self._names([*self.made, *move]), self._names(self.made)
        checks = {one.id for one in self._checks if names.issuperset(one.needs) and not before.issuperset(one.needs)}
        return checks, max((LOGS[name] for name in LOGS if name in names and name not in before), default=0.0)

    def _gain(self, move: Sequence[str], shares: Mapping[str, float]) -> float:
        """Bits that the move is expected to tell: for every cause that it would name, its own surprise."""
        fresh, logs = self._fresh(move)
        told = 0.0
        for issue in self._issues:
            share = shares.get(issue.id, 0.0)
            if share > 0.0:
                told += share * _telling(issue, fresh, logs) * -math.log2(share)
        return told


def _telling(issue: Issue, fresh: set[str], logs: float) -> float:
    """How likely these checks and logs tell the cause if it is the one."""
    best = 0.0
    for one in issue.evidence:
        if one.check in fresh and one.status == "bad" and one.weight > 0:
            odds = BAD_ANYWAY / (1 - BAD_ANYWAY) * math.exp(one.weight)
            best = max(best, odds / (1 + odds))
        elif one.match and one.weight >= TELLING:
            best = max(best, logs)
    return best
