"""Everything that is known to have happened on a node that was looked at, and what of it may be to blame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from keepwell.app.remembering import recall_changes
from keepwell.app.wiring import Wiring
from keepwell.conform.plan_file import parse_plan
from keepwell.core.errors import DamagedError
from keepwell.core.event import Event
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.ref import Ref, node
from keepwell.store.journal import list_runs
from keepwell.survey.survey import SurveyResult
from keepwell.timeline.merge import Timeline, build_timeline
from keepwell.timeline.relate import find_first_error, shortly_before


def collect_events(wiring: Wiring, result: SurveyResult, now: float, *, recorded: bool = False) -> Timeline:
    """Everything that is known to have happened on the node that was looked at; keepwell's own state only for one
    that was not recorded elsewhere.
    """
    about = node(result.seen.subjects("node")[0].name)
    if recorded:
        return build_timeline(result.seen, about, now=now)
    remembered = [*recall_changes(wiring.state, about), *_repairs(wiring.state, about)]
    return build_timeline(result.seen, about, now=now, remembered=remembered)


def find_suspects(timeline: Timeline, diagnosis: Diagnosis, now: float) -> tuple[Event, ...]:
    """What changed shortly before the first error, else before now; nothing where nothing is wrong."""
    if not any(not one.decided for one in (*diagnosis.hypotheses[:1], *diagnosis.also)):
        return ()
    first = find_first_error(diagnosis)
    if first is None:
        first = now
    return shortly_before(timeline.events, first)


def _repairs(state: Path, about: Ref) -> Iterator[Event]:
    """Keepwell's own repairs of this node, as its journal holds them; plans that nobody began are none."""
    for stored in list_runs(state):
        states = [item.state for item in stored.run.items]
        if set(states) <= {"pending"}:
            continue
        try:
            plan = parse_plan(stored.payload)
        except DamagedError:
            continue
        if plan.subject.node == about.name:
            done = f"{states.count('done') + states.count('undone')} of {len(states)} parts"
            word = {True: "took back"}.get("undone" in states, "carried out")
            what = f"keepwell {word} {stored.run.id} ({done}): {plan.why}"
            yield Event(at=stored.updated_at, kind="repair", what=what, source="keepwell runs", about=stored.run.id)
