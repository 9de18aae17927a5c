"""Outlook: in which way each cause would show itself, and how likely each is, also those that nothing speaks for yet.

A cause shows itself in one of some ways: a check comes out bad, or the log of an engine or of the kernel holds its
line. How often in which is counted from the catalogue's cases; every way that its evidence knows counts as half a case
more. What was looked at and told nothing makes the causes less likely that it would have told, and others likelier.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from keepwell.core.finding import Check
from keepwell.core.issue import Issue
from keepwell.core.observation import Missing, Seen
from keepwell.diagnose.scale import LOOKED

#: The two logs, as ways in which a cause shows itself: the names of their observations.
LOG, KERNEL = "log.text", "log.kernel"
#: From this weight on a line or a check is a way in which a cause shows itself, and no mere hint.
TELLING = 3.0
#: So many cases more each way is given, so that none is held for impossible that no author thought of.
MORE_CASES = 0.5
#: At most so likely does a cause show itself in ways that were looked at: it is never ruled out by silence.
AT_MOST = 0.95
#: Checks of pasted texts look at nothing on a machine.
TEXT_TOPIC = "text."
#: What there is on a node, by the beginnings of the names of what is seen of it: without the one there is no other.
LISTINGS: Mapping[str, str] = {
    "device.": "device.list",
    "service.": "service.site",
    "engine.": "engine.site",
    "engine.container": "host.containers",
    "host.container_": "host.containers",
}

_KERNEL_LINE = re.compile(r"\bkernel: |^\s*\[\s*\d+\.\d{4,}\] |\bNVRM: ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The probability of every cause that is not ruled out (together at most 1), and its ways with theirs."""

    shares: Mapping[str, float]
    ways: Mapping[str, Mapping[str, float]]

    def chance(self, looks: Collection[str]) -> float:
        """How likely one of these looks (check ids, logs) tells the cause, whichever it is."""
        return sum(share * self.chance_under(name, looks) for name, share in self.shares.items())

    def chance_under(self, issue: str, looks: Collection[str]) -> float:
        """How likely one of these looks tells this cause if it is the one."""
        return min(AT_MOST, sum(chance for way, chance in self.ways[issue].items() if way in looks))

    def chance_by(self, issue: str, look: str) -> float:
        """The same for one look."""
        return min(AT_MOST, self.ways[issue].get(look, 0.0))


def make_outlook(
    issues: Iterable[Issue],
    ranked: Mapping[str, float],
    unknown: float,
    *,
    ruled_out: Collection[str] = (),
    looked: Collection[str] = (),
    ways: Mapping[str, Mapping[str, float]] | None = None,
) -> Outlook:
    """The ranked causes with their probabilities; the unknown's spread over the others by prior and silence.

    Of a prior as much counts as in the ranking. `looked` are the looks that were made. `ways` saves their making
    (`ways_of` of every issue) where it is done again and again. Pure.
    """
    known = list(issues)
    made = ways or {one.id: ways_of(one) for one in known}
    rest: dict[str, float] = {}
    for one in known:
        if one.id not in ranked and one.id not in ruled_out:
            silent = sum(chance for way, chance in made[one.id].items() if way in looked)
            rest[one.id] = one.prior**LOOKED.prior_share * (1.0 - min(AT_MOST, silent))
    total = sum(rest.values()) or 1.0
    shares = {name: share for name, share in ranked.items() if name in made}
    return Outlook(shares=shares | {name: unknown * part / total for name, part in rest.items()}, ways=made)


def ways_of(issue: Issue) -> dict[str, float]:
    """The ways in which it shows itself (check ids, `LOG`, `KERNEL`), each with its share of the cause's cases."""
    lines = [_KERNEL_LINE.search(one.text) is not None for one in issue.cases if one.text]
    counts: dict[str, float] = {KERNEL: sum(lines), LOG: len(lines) - sum(lines)}
    for case in issue.cases:
        for check in {name for name, _ in case.findings}:
            counts[check] = counts.get(check, 0) + 1
    ways = {one.check for one in issue.evidence if one.status == "bad" and _is_check(one.check, one.weight)}
    if any(one.match and one.weight >= TELLING for one in issue.evidence):
        ways.add(LOG)
        ways |= {KERNEL for one in lines if one}
    total = len(issue.cases) + MORE_CASES * len(ways)
    return {way: (counts.get(way, 0) + MORE_CASES) / total for way in sorted(ways)}


def _is_check(check: str, weight: float) -> bool:
    return bool(check) and weight >= TELLING and not check.startswith(TEXT_TOPIC)


def find_empty(seen: Seen) -> frozenset[str]:
    """The listings that were looked at and hold nothing: no card, no engine, no container, no service here."""
    return frozenset(name for name in set(LISTINGS.values()) if _is_empty(seen, name))


def _is_empty(seen: Seen, name: str) -> bool:
    values = [one.value for one in seen.named(name)]
    return bool(values) and all(one == () or (isinstance(one, Missing) and one.kind == "absent") for one in values)


def is_pointless(check: Check, empty: Collection[str]) -> bool:
    """True for a check of things that are not there, by the listings that hold nothing."""
    topic = check.id.partition(".")[0]
    for need in check.needs:
        if any(need.startswith(part) and listing in empty for part, listing in LISTINGS.items()):
            return True
        if need in empty and need.partition(".")[2].startswith(topic):
            return True
    return False
