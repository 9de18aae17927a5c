"""How many probes a verdict takes when they are made one after the other, instead of all at once as a survey does.

The game: nothing is known but the catalogue. Each move makes one probe, and sees what it saw in the whole survey; the
checks whose observations are all there come out, the causes are ranked. It ends when a cause is likely (from where the
report names it) or no move is left. A move is chosen by how likely it tells the cause, per probe; without that choice
the cheapest probe comes next. The inventory (processes, sockets, units, containers, devices on the bus) counts as one
probe: it only tells what there is to look at, and nothing can be looked at without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.core.finding import Check, Finding
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.issue import Issue
from keepwell.core.observation import Seen
from keepwell.diagnose.outlook import KERNEL, LOG, Outlook, is_pointless, make_outlook, ways_of
from keepwell.plugins.probe import Probe
from keepwell.survey.judge import judge
from keepwell.survey.timetable import DISCOVERED, HINTS, order_probes
from keepwell.testing.gym.inventory import INVENTORY, INVENTORY_NAMES, find_answered, find_nothing

#: From here on a cause counts as named (see `keepwell.app.report`).
LIKELY = 0.5

#: Findings and what was seen so far, to a ranking of causes.
Rank = Callable[[Seen, Sequence[Finding]], Diagnosis]
#: Probes by name, in the order in which they look.
Move = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How the game went: the probes in the order in which they were made, the cause that it ended with (""), and every
    probe that there is.
    """

    probes: tuple[str, ...]
    cause: str
    every: tuple[str, ...]

    def towards(self, verdict: str) -> tuple[str, ...]:
        """The probes that this verdict took: all that there are where the game ended with another one."""
        return self.probes if self.cause == verdict else self.every


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
        move = game.choose(rank) if choose else game.cheapest()
        if not move:
            break
        game.make(move)
        here = game.visible()
        diagnosis = rank(here, judge(here, game.judged()))
    cause = next((one.issue for one in diagnosis.hypotheses), "")
    return Played(probes=game.counted(game.made), cause=cause, every=game.counted(order_probes(probes)))


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
        self._ways = {one.id: ways_of(one) for one in issues}
        self._looked: set[str] = set()
        self._order = order_probes(probes)
        self._givers = {name: key for key, one in probes.items() for name in one.gives}
        self._inventory = {self._givers[name] for name in INVENTORY_NAMES if name in self._givers}

    def make(self, move: Sequence[str]) -> None:
        """The probes look."""
        self._looked |= self._looks(move, *self._needless())
        self.made += move

    def counted(self, made: Sequence[str]) -> tuple[str, ...]:
        """These probes, in order, those of the inventory as one."""
        return tuple(dict.fromkeys(name if name not in self._inventory else INVENTORY for name in made))

    def visible(self) -> Seen:
        """The observations of the probes made so far, and of discovery once what it stands on was looked at."""
        names = self._names(self.made)
        return Seen(one for one in self._seen if one.name in names)

    def judged(self) -> list[Check]:
        """The checks of which everything was looked at."""
        names = self._names(self.made)
        return [one for one in self._checks if names.issuperset(one.needs)]

    def cheapest(self) -> Sequence[str]:
        """The next probe by level and seconds, with what it needs."""
        left = [name for name in self._order if name not in self.made]
        left.sort(key=self._cost)
        return self._with_needs(left[:1])

    def choose(self, rank: Rank) -> Sequence[str]:
        """The probe to make next: the first of the move that most likely tells the cause, per probe; () if all are
        made. After it is chosen anew, for what it saw may make the rest needless. The first move of all is whole.
        """
        moves = self._moves()
        if not moves:
            return ()
        outlook = self._outlook(rank)
        needless = self._needless()
        worth = {one: outlook.chance(self._looks(one, *needless)) / self._count(one) for one in moves}
        best = max(moves, key=lambda one: (worth[one], -self._count(one)))
        return best[:1] if self.made else best

    def _outlook(self, rank: Rank) -> Outlook:
        """How likely each cause is. For this, and not for the verdict, a check also speaks before all that it needs
        was looked at: what looks wrong already says where to look on.
        """
        here = self.visible()
        diagnosis = rank(here, judge(here, self._checks))
        return make_outlook(
            self._issues,
            {one.issue: one.confidence for one in diagnosis.hypotheses},
            diagnosis.unknown,
            ruled_out={one.issue for one in diagnosis.ruled_out},
            looked=self._looked,
            ways=self._ways,
        )

    def _moves(self) -> tuple[Move, ...]:
        """Every probe that was not made, and every check that did not come out, with what each needs."""
        moves = [self._with_needs([name]) for name in self._order]
        for check in self._checks:
            moves.append(self._with_needs([self._givers[need] for need in check.needs if need in self._givers]))
        return tuple(dict.fromkeys(one for one in moves if one))

    def _count(self, move: Sequence[str]) -> int:
        """How many probes it counts as."""
        return len(self.counted(move))

    def _cost(self, name: str) -> tuple[int, float]:
        return self._probes[name].level, self._probes[name].cost_seconds

    def _with_needs(self, names: Sequence[str]) -> Move:
        """The probes and all that must look before them and did not yet, in an order that works."""
        wanted: set[str] = set()
        todo = list(names)
        while todo:
            one = todo.pop()
            if one in wanted or one in self.made:
                continue
            wanted.add(one)
            needs = set(self._probes[one].needs)
            if self._probes[one].about == "engine" or needs & DISCOVERED:
                needs |= set(HINTS)
            todo += [self._givers[need] for need in needs if need in self._givers]
        return tuple(one for one in self._order if one in wanted)

    def _names(self, made: Sequence[str]) -> set[str]:
        names = {name for key in made for name in self._probes[key].gives}
        if names.issuperset(HINTS):
            names |= DISCOVERED
        return names

    def _needless(self) -> tuple[frozenset[str], frozenset[str]]:
        """The listings that hold nothing, and the checks that are answered, by what was seen so far."""
        here = self.visible()
        return find_nothing(here), find_answered(here)

    def _looks(self, move: Sequence[str], empty: frozenset[str], answered: frozenset[str]) -> set[str]:
        """The checks that come out for the first time with this move, and the logs that it reads."""
        names, before = self._names([*self.made, *move]), self._names(self.made)
        looks = {name for name in (LOG, KERNEL) if name in names and name not in before}
        for one in self._checks:
            fresh = names.issuperset(one.needs) and not before.issuperset(one.needs)
            if fresh and one.id not in answered and not is_pointless(one, empty):
                looks.add(one.id)
        return looks
