"""Does anything fill up, and did anything become slower at one moment?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, rows_of, text_of, texts_of
from keepwell.core.words import figure, size, span

#: Days ahead of which somebody is told, and ahead of which it is urgent.
AHEAD_DAYS, URGENT_DAYS = 7.0, 1.0
#: Share of a disk from which on somebody is told however slowly it grows. Memory of a device is filled on purpose.
FULL_RATIO = 0.80
#: Longest time that is told as a number of days.
_FAR_DAYS = 365.0
Row = Mapping[str, Value]


def judge_rooms(seen: Seen) -> Iterator[Finding]:
    """WARNING where something is full within AHEAD_DAYS if it goes on so, or a disk is FULL_RATIO full already."""
    for one in seen.named("trend.rooms"):
        for row in rows_of(one.value):
            yield _room(one, row)


def judge_steps(seen: Seen) -> Iterator[Finding]:
    """WARNING about what became slower at one moment and still is; one for each thing, the newest."""
    for one in seen.named("trend.steps"):
        newest = {
            text_of(row, "subject"): row
            for row in rows_of(one.value)
            if row.get("worse") is True and row.get("standing") is True
        }
        for subject, row in newest.items():
            yield Finding(
                check="trend.steps",
                subject=Ref.parse(subject),
                status=Status.WARNING,
                message=_say_step(row, one.at),
                facts=_step_facts(row),
                evidence=(one,),
            )


def _room(seen_by: Observation, row: Row) -> Finding:
    used = find_number(row.get("used_ratio")) or 0.0
    days = find_number(row.get("days"))
    soon = row.get("sure") is True and days is not None and days <= AHEAD_DAYS
    full = used >= FULL_RATIO and text_of(row, "kind") == "disk"
    status = Status.OK
    if soon or full:
        status = Status.WARNING
    if soon and days is not None and days <= URGENT_DAYS:
        status = Status.CRITICAL
    kind = {(True, True): "ahead", (True, False): "ahead", (False, True): "level"}.get((soon, full), "well")
    facts = {"kind": kind, "used_ratio": f"{used:.3f}", "what": text_of(row, "kind")}
    facts |= {name: f"{number:.2f}" for name in _DAYS if (number := find_number(row.get(name))) is not None}
    return Finding(
        check="trend.rooms",
        subject=Ref.parse(text_of(row, "subject")),
        status=status,
        message=_say_room(row, used, days),
        facts=facts,
        evidence=(seen_by,),
    )


_DAYS = ("days", "soonest_days", "latest_days")


def _say_room(row: Row, used: float, days: float | None) -> str:
    total = find_number(row.get("total_bytes")) or 0.0
    said = f"{used * 100:.0f} % of {size(total)} are used"
    if text_of(row, "problem"):
        return f"{said}; {text_of(row, 'problem')}"
    growth = find_number(row.get("growth_bytes_per_day")) or 0.0
    if row.get("sure") is not True or days is None:
        return f"{said}, and it does not surely grow"
    if days > _FAR_DAYS:
        return f"{said}, {size(growth)} more each day: full in more than a year"
    return f"{said}, {size(growth)} more each day: full in {_say_days(days)} ({_say_interval(row)})"


def _say_interval(row: Row) -> str:
    soonest, latest = find_number(row.get("soonest_days")), find_number(row.get("latest_days"))
    if soonest is None:
        return "not known better"
    if latest is None or latest > _FAR_DAYS:
        return f"{_say_days(soonest)} at the soonest"
    return f"{_say_days(soonest)} to {_say_days(latest)}"


def _say_days(days: float) -> str:
    if days < 2.0:
        return span(days * 86400.0)
    return f"{figure(round(days, 1))} days"


def _say_step(row: Row, now: float) -> str:
    before, after = find_number(row.get("before")) or 0.0, find_number(row.get("after")) or 0.0
    at = find_number(row.get("at")) or now
    said = f"{text_of(row, 'name')} went from {figure(before)} to {figure(after)} {span(max(1.0, now - at))} ago"
    events = texts_of(row.get("events"))
    if events:
        said += f"; shortly before: {'; '.join(events)}"
    return said


def _step_facts(row: Row) -> dict[str, str]:
    facts = {"kind": "slower", "name": text_of(row, "name"), "at": text_of(row, "at")}
    facts |= {"before": text_of(row, "before"), "after": text_of(row, "after")}
    return facts


CHECKS = (
    Check(
        id="trend.rooms",
        title="Nothing is full within a week",
        needs=("trend.rooms",),
        judge=judge_rooms,
        level=2,
    ),
    Check(
        id="trend.steps",
        title="Nothing became slower at one moment",
        needs=("trend.steps",),
        judge=judge_steps,
        level=2,
    ),
)
