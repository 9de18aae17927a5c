"""The owner's word: which findings, causes and plans a decision answers, and which decision answers nothing. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase

from keepwell.config.model import DecisionEntry
from keepwell.core.finding import Finding
from keepwell.core.ref import Ref

#: Facts of a finding that name a thing by which an owner may call it.
_NAMING = ("engine", "name", "model", "unit", "container", "service", "plug_in", "network", "interface")
#: How alike two names must be for one to be offered for the other (difflib's ratio; 0.6 is its default).
NEAREST_RATIO = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A finding that was decided on: it is no trouble, and is told with the owner's reason."""

    finding: Finding
    decision: DecisionEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """A decision that answers nothing now, and why; `nearest` is the name that may have been meant, or ""."""

    decision: DecisionEntry
    why: str
    nearest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The words that a decision may use: all checks, all causes, and what things on the nodes are called.

    `silent` are checks that had nothing to judge this time: the look was not deep enough.
    """

    checks: Collection[str] = ()
    issues: Collection[str] = ()
    things: Collection[str] = ()
    silent: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What to tell of the owner's decisions: those that answer something, have expired, or answer nothing now."""

    decided: tuple[Decided, ...] = ()
    expired: tuple[DecisionEntry, ...] = ()
    unused: tuple[Unused, ...] = ()


def join_decisions(several: Sequence[Decisions]) -> Decisions:
    """What to tell of looks at several nodes: a decision is unused if it answers nothing on any of them."""
    if not several:
        return Decisions()
    idle = [{id(one.decision) for one in each.unused} for each in several]
    return Decisions(
        decided=tuple(one for each in several for one in each.decided),
        expired=several[0].expired,
        unused=tuple(one for one in several[0].unused if all(id(one.decision) in ids for ids in idle)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the owner's word makes of a look: `open` are the findings that it leaves as they are."""

    open: tuple[Finding, ...]
    decisions: Decisions = field(default_factory=Decisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a plan would change: the check and cause that ask for it and the things, by all their names.

    `removes` is True where it takes something away for good.
    """

    check: str = ""
    issue: str = ""
    names: frozenset[str] = field(default_factory=frozenset)
    removes: bool = False


def decide(
    findings: Iterable[Finding], decisions: Sequence[DecisionEntry], today: date, names: Names | None = None
) -> Word:
    """The findings, those that a decision answers set apart; what has expired; and, where `names` tells which
    words there are, what answers nothing.

    A bad finding is answered by a decision that names its check and, if it names a thing, that thing. The first
    one in the file counts.
    """
    standing = [one for one in decisions if is_honoured(one, today)]
    still: list[Finding] = []
    decided: list[Decided] = []
    for finding in findings:
        answer = find_answer(finding, standing)
        if answer is None:
            still.append(finding)
        else:
            decided.append(Decided(finding=finding, decision=answer))
    unused: tuple[Unused, ...] = ()
    if names is not None:
        used = {id(one.decision) for one in decided}
        unused = tuple(_find_unused((one for one in standing if id(one) not in used), names))
    expired = tuple(one for one in decisions if not is_honoured(one, today))
    return Word(open=tuple(still), decisions=Decisions(decided=tuple(decided), expired=expired, unused=unused))


def is_honoured(decision: DecisionEntry, today: date) -> bool:
    """True on the last day too; for good without one. A date that cannot be read has passed."""
    if not decision.until:
        return True
    try:
        return today <= date.fromisoformat(decision.until)
    except ValueError:
        return False


def find_answer(finding: Finding, standing: Iterable[DecisionEntry]) -> DecisionEntry | None:
    """The decision that answers a finding; only bad findings need an answer."""
    if not finding.bad:
        return None
    names = names_of(finding.subject) | {finding.facts[key] for key in _NAMING if finding.facts.get(key)}
    for one in standing:
        if one.check and fnmatchcase(finding.check, one.check) and is_about(one, names):
            return one
    return None


def find_cause_answer(issue: str, subject: Ref | None, standing: Iterable[DecisionEntry]) -> DecisionEntry | None:
    """The decision that answers a cause, by its name and what it is about."""
    names: frozenset[str] = frozenset()
    if subject is not None:
        names = names_of(subject)
    for one in standing:
        if one.issue and fnmatchcase(issue, one.issue) and is_about(one, names):
            return one
    return None


def day_of(now: float) -> date:
    """The day where keepwell runs, of a time in seconds since the epoch."""
    return datetime.fromtimestamp(now).date()


def find_protection(touched: Touched, decisions: Iterable[DecisionEntry], today: date) -> DecisionEntry | None:
    """The decision that a plan would go against, or None.

    One that names a check or a cause protects what the plan would change because of it. One that names only a
    thing protects that thing: a node, an engine, a service from every change, a model from being removed.
    """
    for one in decisions:
        if is_honoured(one, today) and _protects(one, touched):
            return one
    return None


def cite(decision: DecisionEntry) -> str:
    """The decision in one sentence: `decided until 2027-01-31: CPU only (CUDA 13 has to settle)`."""
    until = f" until {decision.until}" * bool(decision.until)
    about = f" for {decision.about}" * bool(decision.about)
    return f"decided{until}{about}: {decision.what} ({decision.why})"


def names_of(ref: Ref) -> frozenset[str]:
    """Everything that an owner may call the thing of this Ref, and what it lies on."""
    plain = {part.partition(":")[0] for part in ref.path[1:2] if ref.kind == "engine"}
    return frozenset({str(ref), *ref.path, *plain})


def is_about(decision: DecisionEntry, names: Collection[str]) -> bool:
    """True if it names no thing, or one of these; several are parted by commas, `*` and `?` stand for letters."""
    wanted = wanted_names(decision)
    low = [name.casefold() for name in names]
    return not wanted or any(fnmatchcase(name, one) for one in wanted for name in low)


def wanted_names(decision: DecisionEntry) -> tuple[str, ...]:
    """The names in `about`, in small letters."""
    return tuple(one.strip().casefold() for one in decision.about.split(",") if one.strip())


def _protects(decision: DecisionEntry, touched: Touched) -> bool:
    by_check = bool(decision.check) and fnmatchcase(touched.check, decision.check)
    by_issue = bool(decision.issue) and fnmatchcase(touched.issue, decision.issue)
    if decision.check or decision.issue:
        return (by_check or by_issue) and is_about(decision, touched.names)
    return bool(decision.about) and is_about(decision, touched.names)


def _find_unused(decisions: Iterable[DecisionEntry], names: Names) -> Iterator[Unused]:
    for one in decisions:
        for what, word, known in (("check", one.check, names.checks), ("cause", one.issue, names.issues)):
            if word and not any(fnmatchcase(name, word) for name in known):
                near = difflib.get_close_matches(word, known, n=1, cutoff=NEAREST_RATIO)
                yield Unused(decision=one, why=f"no {what} is called {word}", nearest="".join(near))
                break
        else:
            yield from _find_unknown_things(one, names)


def _find_unknown_things(one: DecisionEntry, names: Names) -> Iterator[Unused]:
    known = {name.casefold(): name for name in names.things}
    for word in wanted_names(one):
        if any(fnmatchcase(name, word) for name in known):
            continue
        near = difflib.get_close_matches(word, known, n=1, cutoff=NEAREST_RATIO)
        nearest = "".join(known[name] for name in near)
        yield Unused(decision=one, why=f"nothing here is called {word}", nearest=nearest)
        return
    looked = any(fnmatchcase(check, one.check) and check not in names.silent for check in names.checks)
    if looked and not one.issue:
        yield Unused(decision=one, why=f"{one.check} finds nothing wrong now")
