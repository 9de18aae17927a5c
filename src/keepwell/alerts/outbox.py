"""Letters on their way to outlets: which are written for a message, which is next, what a try makes of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from keepwell.alerts.telling import Telling
from keepwell.alerts.wording import Told, render_telling
from keepwell.core.finding import Status
from keepwell.plugins.notifier import Notice, Severity
from keepwell.store.alert_state import AlertFile, Letter, OutletState

#: Seconds until the next try, after the first failure, the second and so on; the last holds from there on.
PAUSES = (10.0, 30.0, 60.0, 300.0, 900.0)
#: A letter that nobody takes for a day is let go.
GIVE_UP_SECONDS = 86_400.0
#: Letters that wait for one outlet; of more, the oldest are let go.
WAITING = 50
#: An outlet that has taken nothing for so long is mute.
MUTE_SECONDS = 900.0
#: Incidents that an outlet was never told of are remembered up to this number: their end is not told there either.
MISSED = 200
_LEAST = {"warning": Status.WARNING, "critical": Status.CRITICAL}
_SEVERITIES: dict[str, Severity] = {
    "warning": "warning",
    "critical": "critical",
    "resolved": "resolved",
    "test": "test",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """Somebody who is told by letters, and the least that they are told of."""

    name: str
    least: str = "warning"


def write_letters(
    file: AlertFile, tellings: Iterable[Telling], outlets: Sequence[Outlet], now: float, zone: tzinfo | None
) -> AlertFile:
    """With a letter to each outlet for each message that it is told. Nobody hears the end of what they never heard of.

    Letters to outlets that are no more are let go.
    """
    names = {one.name for one in outlets}
    states = {name: one for name, one in file.outlets.items() if name in names}
    kept = replace(file, letters=tuple(one for one in file.letters if one.outlet in names), outlets=states)
    for telling in tellings:
        for outlet in outlets:
            told = render_telling(_without_waiting(telling, kept, outlet), now, zone, least=_LEAST[outlet.least])
            if told is not None and not (told.recovery and _is_unheard(told, kept.outlets.get(outlet.name))):
                kept = _add(kept, outlet.name, told, now)
    return kept


def find_next(file: AlertFile, outlet: str, now: float) -> Letter | None:
    """The oldest letter to an outlet, if it may be tried now. A later one never overtakes it."""
    first = next((one for one in file.letters if one.outlet == outlet), None)
    if first is None or now < first.next_at:
        return None
    return first


def note_try(file: AlertFile, letter: Letter, problem: str, now: float) -> AlertFile:
    """After a try: the letter is gone, or waits with what was said."""
    state = file.outlets.get(letter.outlet, OutletState())
    others = tuple(one for one in file.letters if one.number != letter.number)
    if not problem:
        taken = replace(state, taken_at=now, failing_since=0.0, problem="")
        return replace(file, letters=others, outlets={**file.outlets, letter.outlet: taken})
    failing = replace(state, failing_since=state.failing_since or now, problem=problem)
    outlets = {**file.outlets, letter.outlet: failing}
    if now - letter.made_at >= GIVE_UP_SECONDS:
        return _give_up(replace(file, letters=others, outlets=outlets), letter)
    pause = PAUSES[min(letter.tries, len(PAUSES) - 1)]
    waiting = replace(letter, tries=letter.tries + 1, next_at=now + pause, problem=problem)
    letters = tuple({True: waiting, False: one}[one.number == letter.number] for one in file.letters)
    return replace(file, letters=letters, outlets=outlets)


def make_notice(letter: Letter) -> Notice:
    """What is sent of it."""
    return Notice(
        id=letter.id,
        title=letter.title,
        body=letter.body,
        severity=_SEVERITIES.get(letter.severity, "warning"),
        began_at=letter.began_at,
        ended_at=letter.ended_at,
        labels=letter.labels,
        annotations=letter.annotations,
    )


def _add(file: AlertFile, outlet: str, told: Told, now: float) -> AlertFile:
    notice = told.notice
    letter = Letter(
        number=file.last_number + 1,
        outlet=outlet,
        id=notice.id,
        title=notice.title,
        body=notice.body,
        severity=notice.severity,
        made_at=now,
        began_at=notice.began_at,
        ended_at=notice.ended_at,
        incidents=told.incidents,
        recovery=told.recovery,
        labels=notice.labels,
        annotations=notice.annotations,
    )
    file = replace(file, letters=(*file.letters, letter), last_number=letter.number)
    waiting = [one for one in file.letters if one.outlet == outlet]
    for old in waiting[: max(len(waiting) - WAITING, 0)]:
        file = _give_up(replace(file, letters=tuple(one for one in file.letters if one is not old)), old)
    return file


def _give_up(file: AlertFile, letter: Letter) -> AlertFile:
    """Without a letter that is gone already; what it told of was never heard of there."""
    state = file.outlets.get(letter.outlet, OutletState())
    if letter.recovery:
        return file
    missed = tuple(dict.fromkeys((*state.missed, *letter.incidents)))[-MISSED:]
    return replace(file, outlets={**file.outlets, letter.outlet: replace(state, missed=missed)})


def _without_waiting(telling: Telling, file: AlertFile, outlet: Outlet) -> Telling:
    """Nothing is told again where it waits to be told at all."""
    waiting = {name for one in file.letters if one.outlet == outlet.name for name in one.incidents}
    return replace(telling, items=tuple(i for i in telling.items if i.why != "again" or i.incident.id not in waiting))


def _is_unheard(told: Told, state: OutletState | None) -> bool:
    return state is not None and set(told.incidents) <= set(state.missed)


def failing_for(outlets: Mapping[str, OutletState], name: str, now: float) -> float:
    """Seconds since when an outlet takes nothing; 0 where it does."""
    since = outlets.get(name, OutletState()).failing_since
    return (now - since) * bool(since)
