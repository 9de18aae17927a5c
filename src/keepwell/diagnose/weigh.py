"""Weighs causes: which evidence fires on the clues, what it rests on, what an earlier error explains away.

score = a share of ln(prior) + for every group of evidence its largest weight + a bonus for the first error; for a
pasted text also what its likeness to known texts counts for, and a bonus where any evidence speaks (see `scale`).

Weights are natural-log odds, so adding them is Bayes' rule for independent evidence; evidence that says the
same thing shares a group and counts once. A line that an earlier error brings about by itself (a follow-up)
speaks for that error only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from keepwell.core.finding import Finding
from keepwell.core.hypothesis import Contribution
from keepwell.core.issue import Evidence, Issue
from keepwell.core.ref import Ref
from keepwell.core.secret import mask_text
from keepwell.diagnose.catalogue import LOCATED_WEIGHT
from keepwell.diagnose.clues import Clues, TextHits
from keepwell.diagnose.lag import SAME_CHECK, Lagged, Onset, find_lagged
from keepwell.formats.logtime import find_time
from keepwell.scan.pattern import matches_line
from keepwell.scan.tally import Line

#: How much of its weight evidence keeps in a chosen excerpt when healthy engines write such lines too.
ORDINARY_SHARE = 0.7
#: From this weight on a line is taken for an error of its own, which has a place in time and follow-ups.
STRONG = LOCATED_WEIGHT
#: The topic of checks that compare facts of one pasted text.
TEXT_TOPIC = "text."
#: The group of what likeness says, and how it is told.
LIKENESS = "likeness"
ALIKE = "The text is like what is known of this cause"
UNLIKE = "The text has little in common with what is known of this cause"
ALIKE_INCIDENT = "The text is like that of a closed incident,"
#: Log odds that the first error of a text has over those below it: it cannot have been caused by them.
FIRST_ERROR_BONUS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """Evidence that fired, and where: a finding, or lines of a text (all kept lines that hold a signature).

    `group` is the evidence's own, or a name that no other evidence of the issue has. `weight` is what it
    counts for here: less than the evidence's own where all its lines are such as healthy engines write.
    """

    evidence: Evidence
    group: str
    weight: float
    finding: Finding | None = None
    text: TextHits | None = None
    lines: tuple[Line, ...] = ()

    @property
    def strong_text(self) -> bool:
        """True for lines that are errors by themselves."""
        return self.text is not None and self.weight >= STRONG

    @property
    def subject(self) -> Ref | None:
        """What it is about, if that is known."""
        if self.finding is not None:
            return self.finding.subject
        if self.text is not None:
            return self.text.subject
        return None

    def contribution(self) -> Contribution:
        """The same for a reader, secrets masked: a pasted text has not been."""
        if self.finding is not None:
            source = f"{self.finding.check} at {self.finding.subject}"
            return Contribution(evidence=self.evidence, weight=self.weight, quote=self.finding.message, source=source)
        quote, source = "", ""
        if self.text is not None and self.lines:
            quote = mask_text(self.lines[0].text)
            source = f"{self.text.name}:{self.lines[0].number + self.text.first_line - 1}"
        return Contribution(evidence=self.evidence, weight=self.weight, quote=quote, source=source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One cause on the scales. `supporting` and `contradicting` hold what counted, strongest first.

    `ruled_out` says which refuter fired or which requirement is unmet, or is "". `change` is what changed before it
    (or too late) that can bring it about; its weight is in the score.
    """

    issue: Issue
    score: float
    supporting: tuple[Fired, ...]
    contradicting: tuple[Fired, ...]
    undecided: tuple[Evidence, ...]
    ruled_out: str = ""
    change: Lagged | None = None

    @property
    def facts(self) -> dict[str, str]:
        """Facts of the findings that speak for it; where two name the same, the stronger one's."""
        merged: dict[str, str] = {}
        for one in reversed(self.supporting):
            if one.finding is not None:
                merged.update(one.finding.facts)
        return merged

    @property
    def support(self) -> float:
        """Log odds of all that speaks for it."""
        return sum(one.weight for one in self.supporting)


def weigh_all(issues: Iterable[Issue], clues: Clues) -> list[Weighed]:
    """Every cause that anything speaks for, ruled out or not, in no order."""
    fired = {issue.id: (issue, fire_all(issue, clues)) for issue in issues}
    live = {key: pair for key, pair in fired.items() if any(one.weight > 0 for one in pair[1])}
    standing = {key: pair for key, pair in live.items() if not find_refuter(pair[0], pair[1], clues)}
    left = {
        key: _drop_follow_ups(issue, found, [pair for other, pair in standing.items() if other != key], clues)
        for key, (issue, found) in live.items()
    }
    firsts = {key: first for key in standing if (first := _first_errors(left[key]))}
    weighed = []
    for key, (issue, _) in live.items():
        others = [first for other, first in firsts.items() if other != key]
        one = _weigh(issue, left[key], clues, _bonus(firsts.get(key, {}), others))
        if _counts(one, clues):
            weighed.append(one)
    return weighed


def fire_all(issue: Issue, clues: Clues) -> list[Fired]:
    """All evidence of the issue that fires, each once for its text or finding."""
    found: list[Fired] = []
    for index, evidence in enumerate(issue.evidence):
        group = evidence.group or f"{index} alone"
        if evidence.check:
            found += [
                Fired(evidence=evidence, group=group, weight=evidence.weight, finding=one)
                for one in clues.find_all(evidence)
            ]
            continue
        for text in clues.texts:
            lines, share = match_text(evidence, text)
            if lines:
                weight = share * evidence.weight
                found.append(Fired(evidence=evidence, group=group, weight=weight, text=text, lines=lines))
    return [*share_groups(found), *_likeness(issue, found, clues)]


def _likeness(issue: Issue, found: Sequence[Fired], clues: Clues) -> Iterator[Fired]:
    """What the pasted text's likeness to what is known of this cause counts for.

    Where checks found what the text shows well, and only that, it counts for no cause that nothing strong speaks for.
    """
    near = clues.alike.get(issue.id)
    weight = clues.scale.worth_of(near)
    if not clues.alike or (clues.well and not any(one.weight >= STRONG for one in found)):
        return
    say = ALIKE
    if near is None or weight <= 0:
        say = UNLIKE
    elif near.entry.id != issue.id:
        say = f"{ALIKE_INCIDENT} {near.entry.id}"
    yield Fired(evidence=Evidence(say=say, weight=weight, origin="learned"), group=LIKENESS, weight=weight)


def share_groups(fired: Sequence[Fired]) -> list[Fired]:
    """Evidence of a pasted text whose lines a finding rests on joins that finding's group: a line counts once.

    Only where both speak the same way. Findings that were made of a text name its lines (`survey.pasted`).
    """
    groups: dict[str, str] = {}
    for one in fired:
        if one.finding is None or "lines" not in one.finding.facts:
            continue
        numbers = set(one.finding.facts["lines"].split())
        for other in fired:
            alike = other.text is not None and other.text.pasted and one.weight * other.weight > 0
            if alike and all(str(line.number) in numbers for line in other.lines):
                groups[other.group] = one.group
    return [replace(one, group=groups.get(one.group, one.group)) for one in fired]


def match_text(evidence: Evidence, text: TextHits) -> tuple[tuple[Line, ...], float]:
    """The kept lines of the text that make this evidence fire, first one first, and the share of its weight.

    () and 0 if it does not fire. What speaks for a cause by lines that healthy engines write too counts for a
    part in an excerpt that a person chose, and for nothing in a log.
    """
    hits = text.hits
    found = [hits[pattern] for pattern in evidence.match if pattern in hits]
    if not found or any(pattern in hits for pattern in evidence.unless):
        return (), 0.0
    if not all(pattern in hits for pattern in evidence.together):
        return (), 0.0
    share = 1.0
    if evidence.weight > 0 and all(hit.pattern in text.ordinary for hit in found):
        share = ORDINARY_SHARE * text.pasted
    elif evidence.weight > 0:
        found = [hit for hit in found if text.pasted or hit.pattern not in text.ordinary]
    if not share:
        return (), 0.0
    lines = {line.number: line for hit in found for line in hit.lines}
    return tuple(lines[number] for number in sorted(lines)), share


def find_refuter(issue: Issue, fired: Sequence[Fired], clues: Clues) -> str:
    """Why the issue cannot be the cause, in words, or ""."""
    for one in fired:
        if one.evidence.rules_out:
            return one.evidence.say
    for need in issue.requires:
        if need.check and clues.ran(need.check) and not clues.find_all(need):
            return need.say or f"it would need {need.check} to come out {need.status}, and it did not"
    return ""


def _drop_follow_ups(
    issue: Issue, fired: Sequence[Fired], others: Sequence[tuple[Issue, list[Fired]]], clues: Clues
) -> list[Fired]:
    """The evidence without the lines that another, earlier error explains."""
    kept: list[Fired] = []
    for one in fired:
        if one.text is None or one.weight <= 0:
            kept.append(one)
            continue
        name = one.text.name
        above = [(other, _first_errors(found).get(name)) for other, found in others]
        lines = tuple(line for line in one.lines if not _is_explained(line, one.text, above, clues))
        if lines:
            kept.append(replace(one, lines=lines))
    return kept


def _is_explained(line: Line, text: TextHits, above: Sequence[tuple[Issue, int | None]], clues: Clues) -> bool:
    for other, first in above:
        if first is None or first >= line.number:
            continue
        raw = line.text.encode("utf-8", "replace")
        patterns = (*other.follow_ups, *clues.follow_ups)
        if any(pattern in text.hits and matches_line(pattern, raw) for pattern in patterns):
            return True
    return False


def _first_errors(fired: Iterable[Fired]) -> dict[str, int]:
    """For each text (by name) the number of the first line that is strong evidence."""
    firsts: dict[str, int] = {}
    for one in fired:
        if one.strong_text and one.text is not None:
            number = one.lines[0].number
            firsts[one.text.name] = min(number, firsts.get(one.text.name, number))
    return firsts


def _bonus(own: Mapping[str, int], others: Sequence[Mapping[str, int]]) -> float:
    """For the cause of a text's first error, when errors of other causes stand below it."""
    for name, number in own.items():
        rest = [first[name] for first in others if name in first]
        if rest and number <= min(rest) and number < max(rest):
            return FIRST_ERROR_BONUS
    return 0.0


def _weigh(issue: Issue, fired: Sequence[Fired], clues: Clues, bonus: float) -> Weighed:
    best: dict[str, Fired] = {}
    for one in fired:
        old = best.get(one.group)
        if old is None or abs(one.weight) > abs(old.weight):
            best[one.group] = one
    counted = sorted(best.values(), key=_strength, reverse=True)
    change, lagged = _change(issue, counted, clues)
    spoke = clues.scale.spoke * any(one.weight > 0 and one.group != LIKENESS for one in counted)
    prior = clues.scale.prior_share * math.log(issue.prior)
    score = prior + sum(one.weight for one in counted) + bonus + lagged + spoke
    return Weighed(
        issue=issue,
        score=score,
        supporting=tuple(one for one in counted if one.weight > 0),
        contradicting=tuple(one for one in counted if one.weight < 0),
        undecided=tuple(one for one in issue.evidence if _can_be_made(one.check) and not clues.ran(one.check)),
        ruled_out=find_refuter(issue, fired, clues),
        change=change,
    )


def _change(issue: Issue, fired: Iterable[Fired], clues: Clues) -> tuple[Lagged | None, float]:
    """What changed before the first sign of this cause that can bring it about, and its weight.

    Nothing where no check found anything bad: an upgrade must not make a fault of a line that a log holds anyway.
    """
    if not issue.after or not clues.history.events or clues.quiet:
        return None, 0.0
    if any(one.evidence.check == SAME_CHECK and one.weight > 0 for one in fired):
        return None, 0.0
    lines = (line for one in fired if one.weight > 0 for line in one.lines)
    times = [at for line in lines if (at := find_time(line.text)) is not None]
    onset = Onset(at=min(times, default=clues.history.now), dated=bool(times))
    found = find_lagged(issue.after, clues.history.events, onset)
    if found is None:
        return None, 0.0
    return found, found.weight


def _can_be_made(check: str) -> bool:
    """Whether a machine could be asked for this check: those of texts look at nothing but a text."""
    return bool(check) and not check.startswith(TEXT_TOPIC)


def _strength(one: Fired) -> float:
    return abs(one.weight)


def _counts(one: Weighed, clues: Clues) -> bool:
    """A cause needs something that is wrong: a bad finding, a pasted line, or an error in a log.

    What is merely well, or a hint in the log of a machine with nothing wrong, speaks for no cause alone.
    """
    ill = any(finding.bad for finding in clues.findings)
    for fired in one.supporting:
        if fired.finding is not None and fired.finding.bad:
            return True
        if fired.text is not None and (fired.text.pasted or fired.strong_text or ill):
            return True
        if fired.group == LIKENESS:
            return True
    return False
