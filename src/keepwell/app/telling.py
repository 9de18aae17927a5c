"""From a place to what happened there: for `timeline`."""

from __future__ import annotations

from keepwell.app.diagnosing import parse_age
from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.targets import find_target
from keepwell.app.timeline_report import TimelineReport, choose_kinds
from keepwell.app.told import collect_events
from keepwell.app.wiring import reach, wire
from keepwell.app.word import judge_with_word
from keepwell.core.hypothesis import Diagnosis
from keepwell.timeline.relate import find_first_error

#: The level that sees what a timeline is made of.
LEVEL = 2


async def tell_timeline(caller: Caller, word: str, *, since: str, kind: str) -> TimelineReport:
    """Look at one place and tell what changed there. Raises ConfigurationError for words that mean nothing."""
    window = parse_age(since)
    kinds = choose_kinds(kind)
    async with wire(caller) as wiring:
        target = find_target(word, wiring.config, wiring.hands.name)
        async with reach(wiring, target) as place:
            result = await look(wiring, caller, at=place, level=LEVEL)
            now = place.clock.now()
        timeline = collect_events(wiring, result, now, recorded=place.recorded)
    judged = judge_with_word(wiring.config, result.seen, result.findings, now, events=timeline.events)
    diagnosis = judged.diagnosis
    first_error = find_first_error(diagnosis)
    return TimelineReport(
        at=now,
        node=result.seen.subjects("node")[0].name,
        since_seconds=window,
        kinds=tuple(sorted(kinds)) * bool(kind),
        events=tuple(one for one in timeline.events if one.at >= now - window and one.kind in kinds),
        unread=timeline.unread,
        first_error_at=first_error,
        cause=_cause(diagnosis) * (first_error is not None),
    )


def _cause(diagnosis: Diagnosis) -> str:
    return "".join(one.title for one in diagnosis.hypotheses[:1])
