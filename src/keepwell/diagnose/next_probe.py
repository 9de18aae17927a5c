"""The next check: expected information (bits) per cost of every check that could still be made.

Expected information is the entropy of the causes now minus what it will be on average after the answer. Where an
outlook is given, causes that nothing speaks for yet take part: a check that would show several of them is worth more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul

from keepwell.core.finding import Check
from keepwell.core.hypothesis import NextProbe
from keepwell.core.issue import Evidence
from keepwell.core.observation import Seen
from keepwell.diagnose.advise import fill
from keepwell.diagnose.outlook import KERNEL, LOG, Outlook, find_empty, is_pointless
from keepwell.diagnose.weigh import Weighed
from keepwell.plugins import registry

#: Causes that are told apart; what is less likely than the first few is not worth a check.
TOP_CAUSES = 8
#: Stop rule: sure enough of the first cause, and far enough ahead of the next (or the unknown).
SURE = 0.9
MARGIN = 0.5
#: Stop rule: nothing pays that tells less than this many bits.
LEAST_BITS = 0.05
#: Seconds that a check costs that keepwell makes itself, that a person makes by a command, and without one.
CHECK_SECONDS = 2.0
COMMAND_SECONDS = 30.0
WORDS_SECONDS = 120.0
#: The level of a diagnosis that names none.
USUAL_LEVEL = 2
#: What every look of that level tells, and none of a lower one.
SIGN_OF_USUAL_LEVEL = "device.list"
#: How often a check comes out bad though no cause that is looked at makes it so.
BAD_ANYWAY = 0.05
#: How often a settling check gives the answer that it should; people misread, commands fail.
RELIABLE = 0.9
#: Probabilities whose entropy is remembered: the same few come back at every check.
KEPT_CHANCES = 4096

#: What was seen where nothing was looked at.
NOTHING = Seen(())


@dataclass(frozen=True, slots=True)
class Offer:
    """A check that could be made, and for each cause (and the unknown, last) the probability of "yes".

    `check` is the id of one of keepwell's own, whose command is told only where it is chosen.
    """

    say: str
    command: str
    cost_seconds: float
    yes: tuple[float, ...]
    check: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """The causes that are told apart: the first few of the ranking, then those that nothing speaks for yet.

    `shares` are probabilities of all in this order, and of what is none of them. `shown` says by which looks the later
    ones would show themselves (see `keepwell.diagnose.outlook`): their places in this order, and how likely.
    """

    top: tuple[Weighed, ...]
    beyond: tuple[str, ...]
    shares: tuple[float, ...]
    shown: Mapping[str, Sequence[tuple[int, float]]]

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return (*(one.issue.id for one in self.top), *self.beyond)

    def answers(self, check: str) -> tuple[float, ...]:
        """How likely this check comes out bad under each, and under none of them."""
        yes = [_chance_bad(one.undecided, check) for one in self.top]
        yes += [BAD_ANYWAY] * (len(self.beyond) + 1)
        for index, chance in self.shown.get(check, ()):
            yes[index] = max(BAD_ANYWAY, chance)
        return tuple(yes)

    def otherwise(self, chance: float) -> list[float]:
        """The same probability of "yes" under every cause, and under none of them."""
        return [chance] * len(self.shares)


def choose_probe(
    ranked: Sequence[tuple[Weighed, float]],
    unknown: float,
    costs: Mapping[str, float],
    *,
    outlook: Outlook | None = None,
    seen: Seen = NOTHING,
) -> NextProbe | None:
    """The offer that tells most per second, or None when one cause is sure or nothing pays.

    `outlook` is that of the causes that nothing speaks for, as if it were one of them (see `make_outlook`). What
    `seen` shows to have been looked at, or not to be there, is not offered.
    """
    if is_settled([share for _, share in ranked], unknown) or not (ranked or outlook):
        return None
    field = _field(ranked, unknown, outlook)
    best: tuple[float, NextProbe] | None = None
    for offer in _offers(field, costs, seen):
        bits = expected_bits(field.shares, offer.yes)
        if bits < LEAST_BITS:
            continue
        worth = bits / offer.cost_seconds
        if best is None or worth > best[0]:
            best = worth, _probe(offer, bits, field)
    if best is None:
        return None
    return best[1]


def _field(ranked: Sequence[tuple[Weighed, float]], unknown: float, outlook: Outlook | None) -> Field:
    top = ranked[:TOP_CAUSES]
    shares = [share for _, share in top]
    beyond: dict[str, float] = {}
    shown: dict[str, list[tuple[int, float]]] = {}
    if outlook is not None:
        beyond = {name: unknown * share for name, share in outlook.shares.items()}
        for place, name in enumerate(beyond, start=len(top)):
            for way in outlook.ways[name]:
                shown.setdefault(way, []).append((place, outlook.chance_by(name, way)))
    shares += beyond.values()
    shares.append(max(0.0, 1.0 - sum(shares)))
    return Field(tuple(one for one, _ in top), tuple(beyond), tuple(shares), shown)


def is_settled(shares: Sequence[float], unknown: float) -> bool:
    """True if the first cause is sure enough and well ahead of the rest."""
    second = max([unknown, *shares[1:2]])
    return bool(shares) and shares[0] >= SURE and shares[0] - second >= MARGIN


def expected_bits(shares: Sequence[float], yes: Sequence[float]) -> float:
    """What a yes-or-no answer tells of the cause, in bits, never below 0; the shares sum to 1.

    `yes[i]` is the probability of "yes" if cause i is the one. Their mutual information: how open the answer is, less
    how open it stays once the cause is known (Cover and Thomas, "Elements of Information Theory", 2.4).
    """
    likely: float = sum(map(mul, shares, yes))
    known: float = sum(map(mul, shares, map(_openness, yes)))
    return max(0.0, _openness(min(1.0, likely)) - known)


@lru_cache(maxsize=KEPT_CHANCES)
def _openness(chance: float) -> float:
    """The entropy of a yes or no, in bits."""
    return -sum(one * math.log2(one) for one in (chance, 1.0 - chance) if one > 0)


def _offers(field: Field, costs: Mapping[str, float], seen: Seen) -> Iterator[Offer]:
    yield from _check_offers(field, costs, seen)
    names = field.names
    for index, one in enumerate(field.top):
        issue = one.issue
        if issue.settle:
            yes = field.otherwise(1 - RELIABLE)
            yes[index] = RELIABLE
            yield _manual(issue.settle, fill(issue.settle_command, one.facts), yes)
        for rival in issue.rivals:
            if rival.issue in names:
                yes = field.otherwise(0.5)
                yes[index], yes[names.index(rival.issue)] = RELIABLE, 1 - RELIABLE
                yield _manual(rival.settle, fill(rival.command, one.facts), yes)


def _manual(say: str, command: str, yes: Sequence[float]) -> Offer:
    cost = WORDS_SECONDS
    if command:
        cost = COMMAND_SECONDS
    return Offer(say, command, cost, tuple(yes))


def _check_offers(field: Field, costs: Mapping[str, float], seen: Seen) -> Iterator[Offer]:
    """keepwell's own checks that some of the causes still wait for."""
    wanted = dict.fromkeys(evidence.check for one in field.top for evidence in one.undecided)
    wanted |= dict.fromkeys(field.shown)
    for check in wanted:
        if check not in (LOG, KERNEL) and not _is_needless(check, seen):
            cost = costs.get(check, CHECK_SECONDS)
            yield Offer(f"Look at {check} on the machine", "", cost, field.answers(check), check)


def _is_needless(check: str, seen: Seen) -> bool:
    """True if all that the check needs was looked at already, or what it is about is not there."""
    made = _find_check(check)
    if made is None:
        return False
    if made.level <= USUAL_LEVEL and seen.named(SIGN_OF_USUAL_LEVEL):
        return True
    return all(seen.named(need) for need in made.needs) or is_pointless(made, find_empty(seen))


def _command(check: str) -> str:
    """The command that makes this check ("" for none): one of a deep level must be asked for."""
    if not check:
        return ""
    made = _find_check(check)
    if made is None or made.level <= USUAL_LEVEL:
        return "keepwell diagnose"
    return f"keepwell diagnose --level {made.level}"


def _find_check(name: str) -> Check | None:
    """The check of this id, if there is such a one."""
    topic = name.partition(".")[0]
    if topic not in registry.names("checks"):
        return None
    made = registry.load("checks", topic)
    assert isinstance(made, tuple)
    return next((one for one in made if isinstance(one, Check) and one.id == name), None)


def _chance_bad(undecided: Sequence[Evidence], check: str) -> float:
    """How likely the check comes out bad under a cause, from the weights: odds times e^weight."""
    weights = [one.weight for one in undecided if one.check == check and one.status == "bad"]
    weights += [-one.weight for one in undecided if one.check == check and one.status == "ok"]
    if not weights:
        return BAD_ANYWAY
    odds = BAD_ANYWAY / (1 - BAD_ANYWAY) * math.exp(max(weights, key=abs))
    return odds / (1 + odds)


def _probe(offer: Offer, bits: float, field: Field) -> NextProbe:
    """The offer with the two causes that it tells apart best: the likeliest ones that answer yes, and no."""
    pair = _separated(offer.yes, field)
    rest = " from ".join(pair)
    if len(pair) == 1:
        rest = f"{pair[0]} from causes that are not known here"
    return NextProbe(
        say=f"{offer.say.rstrip('. ')}: this separates {rest}.",
        command=offer.command or _command(offer.check),
        gain_bits=bits,
        cost_seconds=offer.cost_seconds,
        separates=pair,
    )


def _separated(yes: Sequence[float], field: Field) -> tuple[str, ...]:
    places = range(len(field.names))
    one = max(places, key=[share * chance for share, chance in zip(field.shares, yes, strict=True)].__getitem__)
    against = [share * (yes[one] - chance) for share, chance in zip(field.shares, yes, strict=True)]
    other = max(places, key=against.__getitem__)
    return tuple(dict.fromkeys((field.names[one], field.names[other])))
