"""The next check: expected information (bits) per cost of every check that could still be made.

Expected information is the entropy of the causes now minus what it will be on average after the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from keepwell.core.finding import Check
from keepwell.core.hypothesis import NextProbe
from keepwell.core.issue import Evidence
from keepwell.diagnose.advise import fill
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
#: How often a check comes out bad though no cause that is looked at makes it so.
BAD_ANYWAY = 0.05
#: How often a settling check gives the answer that it should; people misread, commands fail.
RELIABLE = 0.9


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


def choose_probe(
    ranked: Sequence[tuple[Weighed, float]],
    unknown: float,
    costs: Mapping[str, float],
) -> NextProbe | None:
    """The offer that tells most per second, or None when one cause is sure or nothing pays."""
    top = ranked[:TOP_CAUSES]
    if not top or is_settled([share for _, share in ranked], unknown):
        return None
    names = [one.issue.id for one, _ in top]
    shares = [share for _, share in top]
    shares.append(max(0.0, 1.0 - sum(shares)))
    best: tuple[float, NextProbe] | None = None
    for offer in _offers([one for one, _ in top], costs):
        bits = expected_bits(shares, offer.yes)
        if bits < LEAST_BITS:
            continue
        worth = bits / offer.cost_seconds
        if best is None or worth > best[0]:
            best = worth, _probe(offer, bits, names)
    if best is None:
        return None
    return best[1]


def is_settled(shares: Sequence[float], unknown: float) -> bool:
    """True if the first cause is sure enough and well ahead of the rest."""
    second = max([unknown, *shares[1:2]])
    return bool(shares) and shares[0] >= SURE and shares[0] - second >= MARGIN


def expected_bits(shares: Sequence[float], yes: Sequence[float]) -> float:
    """Entropy of the causes now less its mean after a yes-or-no answer, in bits, never below 0.

    `yes[i]` is the probability of "yes" if cause i is the one.
    """
    after = 0.0
    for likely in (yes, [1.0 - one for one in yes]):
        joint = [share * chance for share, chance in zip(shares, likely, strict=True)]
        total = sum(joint)
        if total > 0:
            after += total * _entropy([one / total for one in joint])
    return max(0.0, _entropy(shares) - after)


def _entropy(shares: Sequence[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share > 0)


def _offers(top: Sequence[Weighed], costs: Mapping[str, float]) -> Iterator[Offer]:
    yield from _check_offers(top, costs)
    for index, one in enumerate(top):
        issue = one.issue
        if issue.settle:
            yes = [1 - RELIABLE] * (len(top) + 1)
            yes[index] = RELIABLE
            yield _manual(issue.settle, fill(issue.settle_command, one.facts), yes)
        for rival in issue.rivals:
            places = [at for at, other in enumerate(top) if other.issue.id == rival.issue]
            if places:
                yes = [0.5] * (len(top) + 1)
                yes[index], yes[places[0]] = RELIABLE, 1 - RELIABLE
                yield _manual(rival.settle, fill(rival.command, one.facts), yes)


def _manual(say: str, command: str, yes: Sequence[float]) -> Offer:
    cost = WORDS_SECONDS
    if command:
        cost = COMMAND_SECONDS
    return Offer(say, command, cost, tuple(yes))


def _check_offers(top: Sequence[Weighed], costs: Mapping[str, float]) -> Iterator[Offer]:
    """keepwell's own checks that some of the causes still wait for."""
    wanted = dict.fromkeys(evidence.check for one in top for evidence in one.undecided)
    for check in wanted:
        yes = [_chance_bad(one.undecided, check) for one in top]
        cost = costs.get(check, CHECK_SECONDS)
        yield Offer(f"Look at {check} on the machine", "", cost, (*yes, BAD_ANYWAY), check)


def _command(check: str) -> str:
    """The command that makes this check ("" for none): one of a deep level must be asked for."""
    if not check:
        return ""
    topic = check.partition(".")[0]
    if topic not in registry.names("checks"):
        return "keepwell diagnose"
    made = registry.load("checks", topic)
    assert isinstance(made, tuple)
    level = max((one.level for one in made if isinstance(one, Check) and one.id == check), default=1)
    return "keepwell diagnose" + f" --level {level}" * (level > USUAL_LEVEL)


def _chance_bad(undecided: Sequence[Evidence], check: str) -> float:
    """How likely the check comes out bad under a cause, from the weights: odds times e^weight."""
    weights = [one.weight for one in undecided if one.check == check and one.status == "bad"]
    weights += [-one.weight for one in undecided if one.check == check and one.status == "ok"]
    if not weights:
        return BAD_ANYWAY
    odds = BAD_ANYWAY / (1 - BAD_ANYWAY) * math.exp(max(weights, key=abs))
    return odds / (1 + odds)


def _probe(offer: Offer, bits: float, names: Sequence[str]) -> NextProbe:
    """The offer with the two causes that it tells apart best: likeliest and least likely to answer yes."""
    order = sorted(range(len(names)), key=offer.yes.__getitem__)
    pair = tuple(dict.fromkeys((names[order[-1]], names[order[0]])))
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
