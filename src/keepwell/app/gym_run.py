"""The gym's own keepwell: survey and diagnosis of made nodes, with parts switched off, and the report of a run."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from keepwell.app.catalogue import get_catalogue, get_follow_ups
from keepwell.app.gym_report import GymReport
from keepwell.app.operation import Caller
from keepwell.app.replaying import Wish, survey_bundle
from keepwell.app.report import EXIT_CODES, LIKELY
from keepwell.core.clock import Clock
from keepwell.core.errors import ConfigurationError
from keepwell.core.event import Event
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.core.issue import Issue
from keepwell.core.observation import Seen
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.diagnosis import diagnose
from keepwell.diagnose.lag import NO_HISTORY, History
from keepwell.store.cache import cache_folder
from keepwell.survey.judge import judge, load_checks
from keepwell.survey.survey import SurveyResult, survey
from keepwell.survey.timetable import load_probes
from keepwell.testing.gym.fault import Kind, Looked, Named, Part, Tools, Verdict
from keepwell.testing.gym.probes_used import count_probes
from keepwell.testing.gym.runner import Gym
from keepwell.testing.gym.score import score_all
from keepwell.testing.gym.session import Plan, Played, play_all
from keepwell.timeline.merge import build_timeline
from keepwell.transport.base import Hands
from keepwell.transport.recorded.bundle import open_bundle

#: How deep the gym looks: as `keepwell diagnose` does.
LEVEL = 2


async def play_here(
    caller: Caller,
    kinds: Sequence[str] | None,
    only: str,
    *,
    pairs: int,
    healthy: int,
    seed: int,
    without: Sequence[str] | None,
) -> GymReport:
    """Play what was asked for, with a cache that ends with it. ConfigurationError for a word that means nothing here.

    What is broken off leaves nothing behind, for every world ends with its block, and gives what was played.
    """
    wanted = tuple(_word(one, KINDS, "kind of faults") for one in kinds or ())
    off = tuple(_word(one, PARTS, "part of the diagnosis") for one in without or ())
    plan = Plan(kinds=wanted, only=only, pairs=pairs, healthy=healthy)
    with tempfile.TemporaryDirectory(prefix="kw-gym-") as folder:
        return await _play(caller, plan, seed, off, Path(folder))


#: The words that may be asked for.
KINDS: tuple[Kind, ...] = ("made", "real")
PARTS: tuple[Part, ...] = ("refuters", "next-probe", "timeline")
Word = TypeVar("Word", bound=str)


def _word(given: str, known: Sequence[Word], what: str) -> Word:
    for one in known:
        if given.lower() == one:
            return one
    raise ConfigurationError(f"no {what} is called {given!r}", hint=f"known: {', '.join(known)}")


async def _play(caller: Caller, plan: Plan, seed: int, without: tuple[Part, ...], cache: Path) -> GymReport:
    gym = Gym(
        look=look,
        count=partial(count, choose="next-probe" not in without),
        keepwell=(sys.executable, "-m", "keepwell"),
        cache=cache_folder() or cache,
        seed=seed,
        without=frozenset(without),
    )
    played, broken_off = Played(), False
    try:
        await play_all(gym, plan, caller.progress, played, caller.note)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    except asyncio.CancelledError:  # Ctrl-C: what was played is told
        broken_off = True
    return GymReport(
        at=time.time(),
        seconds=played.seconds,
        seed=seed,
        without=without,
        score=score_all(played.trials, played.pairs, played.windows),
        trials=tuple(played.trials),
        pairs=tuple(played.pairs),
        alarms=tuple(one for one in played.windows if one.alarm),
        planned=played.planned,
        partial=broken_off,
    )


async def look(hands: Hands, clock: Clock, expected: tuple[object, ...], tools: Tools) -> Verdict:
    """Survey and diagnosis of a made node, as `keepwell diagnose` makes them, less what is switched off."""
    began = time.perf_counter()
    wishes = tuple(one for one in expected if isinstance(one, Wish))
    result = await survey(hands, clock, wishes, level=LEVEL)
    findings = result.findings
    if "timeline" in tools.without:
        findings = drop_timeline(findings)
    diagnosis = weigh(result.seen, findings, without=tools.without, now=clock.now())
    seconds = time.perf_counter() - began
    return Verdict(
        causes=_named(diagnosis.hypotheses),
        also=_named(diagnosis.also),
        unknown=diagnosis.unknown,
        bad=frozenset(one.check for one in findings if one.bad),
        well=_well(findings),
        exit_code=_exit_code(findings, diagnosis),
        seconds=seconds,
        answer=Looked(seen=result.seen, diagnosis=diagnosis),
    )


async def count(answer: object, *, choose: bool = True) -> tuple[str, ...]:
    """The probes that a verdict takes, one after the other; of a made node's look, or of a bundle. () for neither."""
    seen: Seen | None = None
    now = 0.0
    if isinstance(answer, Looked):
        seen = answer.seen
        now = max((one.at for one in seen), default=0.0)
    elif isinstance(answer, Path) and answer.exists():
        bundle = open_bundle(answer)
        result: SurveyResult = await survey_bundle(bundle, level=LEVEL)
        seen, now = result.seen, bundle.clock.now()
    if seen is None:
        return ()
    rank = partial(weigh, without=frozenset(), now=now)
    checks = load_checks(LEVEL)
    played = count_probes(seen, load_probes(LEVEL), checks, get_catalogue().issues.values(), rank, choose=choose)
    whole = rank(seen, judge(seen, checks))
    return played.towards(next((one.issue for one in whole.hypotheses), ""))


def weigh(seen: Seen, findings: Sequence[Finding], *, without: frozenset[Part], now: float) -> Diagnosis:
    """The diagnosis with the catalogue as shipped, whatever this machine's owner taught it."""
    catalogue = get_catalogue()
    if "refuters" in without:
        catalogue = without_refuters()
    history = NO_HISTORY
    if "timeline" not in without:
        nodes = seen.subjects("node")
        events: list[Event] = [event for ref in nodes for event in build_timeline(seen, ref, now=now).events]
        history = History(events=tuple(events), now=now)
    return diagnose(seen, findings, (), catalogue, get_follow_ups(), history=history)


@cache
def without_refuters() -> Catalogue:
    """The catalogue without anything that speaks against a cause: no weight below nought, nothing ruled out, nothing
    required.
    """
    shipped = get_catalogue()
    issues = {name: _only_for(one) for name, one in shipped.issues.items()}
    return Catalogue(issues=issues, signatures=shipped.signatures)


def drop_timeline(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings without those about what changed before it broke."""
    return tuple(one for one in findings if not one.check.startswith(TIMELINE_TOPIC))


#: Checks of this topic ask what changed under a running engine.
TIMELINE_TOPIC = "clock."


def _only_for(issue: Issue) -> Issue:
    kept = tuple(one for one in issue.evidence if one.weight > 0 and not one.rules_out)
    return replace(issue, evidence=kept, requires=())


def _named(causes: Sequence[Hypothesis]) -> tuple[Named, ...]:
    return tuple(Named(issue=one.issue, confidence=one.confidence) for one in causes)


def _well(findings: Sequence[Finding]) -> frozenset[str]:
    """Checks that came out OK of everything that they were asked about."""
    other = {one.check for one in findings if one.status is not Status.OK}
    return frozenset(one.check for one in findings) - other


def _exit_code(findings: Sequence[Finding], diagnosis: Diagnosis) -> int:
    """As that of `keepwell diagnose`: by the worst finding, and at least 1 for a likely cause."""
    likely = any(one.confidence >= LIKELY for one in (*diagnosis.hypotheses[:1], *diagnosis.also))
    return max(int(likely), EXIT_CODES[max((one.status for one in findings), default=Status.OK)])
