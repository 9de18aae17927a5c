"""From the log of requests to tallies, and from tallies to what a verdict needs: each request counts once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keepwell.config.objective_model import OF_REQUESTS, ObjectiveEntry
from keepwell.slo.judge import Counted
from keepwell.slo.scan import KNOWN_SECONDS, LOOK_BACK_SECONDS
from keepwell.slo.tally import MINUTE, SPELL_SECONDS, Failure, Spells, Tally, count_rows, minute_of
from keepwell.slo.windows import NAMED
from keepwell.store.request_log import RequestLog
from keepwell.store.tallies import Minute, Tallies

#: Rows that are read at once, and in one go for one objective: some tenths of a second of work in a thread.
ROWS, ROWS_AT_ONCE = 5_000, 50_000
#: What of an objective decides how a request counts; the rest may change without counting anew.
_COUNTED = ("indicator", "route", "replica", "key", "within_seconds", "at_least", "cold", "metric", "about", "low")
_COUNTED_TOO = ("high", "path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one go counted, and whether rows are left for the next one."""

    rows: int
    left: bool


def digests_of(objectives: Iterable[ObjectiveEntry]) -> set[str]:
    """Under which names tallies of these are kept."""
    return {name for one in objectives for name in (digest_of(one), _probes_of(one))}


def digest_of(objective: ObjectiveEntry) -> str:
    """The same for objectives that count the same, whatever they are called and promise."""
    parts = [f"{name}={getattr(objective, name)!r}" for name in (*_COUNTED, *_COUNTED_TOO)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def count_requests(tallies: Tallies, log: RequestLog, objectives: Iterable[ObjectiveEntry], now: float) -> Progress:
    """Count what came since the last time, in one pass over the log for all that stand at the same place; a new
    objective begins with its period's first request. Raises AccessError; what was counted until then stays.
    """
    last = log.last_number()
    groups: dict[int, list[tuple[int, ObjectiveEntry]]] = {}
    done: set[str] = set()
    for one in objectives:
        if one.indicator in OF_REQUESTS and digest_of(one) not in done:
            done.add(digest_of(one))
            number, position = _enter(tallies, log, one, now)
            groups.setdefault(position, []).append((number, one))
    rows, left = 0, False
    for position, group in sorted(groups.items()):
        if position < last:
            counted, reached = _count_group(tallies, log, group, position)
            rows += counted
            left = left or reached < last
    return Progress(rows=rows, left=left)


def add_minutes(tallies: Tallies, objective: ObjectiveEntry, minute: int, good: int, bad: int) -> None:
    """Count a minute of a series or of a folder; minutes before it are never counted again."""
    number, position, _ = tallies.enter(digest_of(objective), 0, float(minute))
    if minute > position:
        tallies.add(number, [(minute, good, bad, 0, 0, bad)], [], (position, minute))


def add_probes(tallies: Tallies, objective: ObjectiveEntry, minute: int, good: int, bad: int) -> None:
    """Count a minute of what keepwell asked itself, apart from users' requests."""
    number, position, _ = tallies.enter(_probes_of(objective), 0, float(minute))
    if minute > position:
        tallies.add(number, [(minute, good, bad, 0, 0, bad)], [], (position, minute))


def _probes_of(objective: ObjectiveEntry) -> str:
    return f"{digest_of(objective)}/probes"


def gather(tallies: Tallies, objective: ObjectiveEntry, now: float) -> Counted:
    """All that a verdict needs. Costs one sum a window: some milliseconds for a month."""
    found = tallies.find(digest_of(objective))
    until = now + MINUTE
    number, since = -1, now
    if found is not None:
        number, _, since = found
    begin = now - LOOK_BACK_SECONDS
    past = Tally(*tallies.total(number, begin - KNOWN_SECONDS, begin))
    minutes = tallies.minutes(number, begin, until)
    return Counted(
        windows={seconds: Tally(*tallies.total(number, -minute_of(seconds - now), until)) for _, seconds in NAMED},
        period=Tally(*tallies.total(number, now - objective.over_seconds, until)),
        past=past,
        past_seconds=max(1.0, min(KNOWN_SECONDS, begin - since)),
        minutes=[Tally(*one) for one in minutes],
        since=since,
        failures=[Failure(*one) for one in tallies.failures(number, begin)],
        probed=_with_probes(tallies, objective, minutes, begin, until),
    )


def _with_probes(
    tallies: Tallies, objective: ObjectiveEntry, minutes: Iterable[Minute], since: float, until: float
) -> list[Tally]:
    """These minutes with what was asked in them beside; [] where nothing was."""
    found = tallies.find(_probes_of(objective))
    if not objective.probes or found is None:
        return []
    both: dict[int, Tally] = {}
    for one in (*minutes, *tallies.minutes(found[0], since, until)):
        both[one[0]] = both.get(one[0], Tally(one[0])).plus(Tally(*one))
    return [both[minute] for minute in sorted(both)]


def find_place(log: RequestLog, since: float) -> int:
    """The number of a row before the first one that came at `since` or later: by halving, some twenty questions."""
    low, high = 0, log.last_number()
    while low < high:
        middle = (low + high) // 2
        rows = log.after(middle, 1)
        if rows and rows[0][1].at < since:
            low = max(middle + 1, rows[0][0])
        else:
            high = middle
    return low


def _enter(tallies: Tallies, log: RequestLog, objective: ObjectiveEntry, now: float) -> tuple[int, int]:
    found = tallies.find(digest_of(objective))
    if found is not None:
        return found[0], found[1]
    place = find_place(log, now - objective.over_seconds)
    first = log.after(place, 1)
    since = min([now, *(row.at for _, row in first)])
    number, position, _ = tallies.enter(digest_of(objective), place, max(since, now - objective.over_seconds))
    return number, position


def _count_group(
    tallies: Tallies, log: RequestLog, group: Sequence[tuple[int, ObjectiveEntry]], position: int
) -> tuple[int, int]:
    counted = 0
    spells = {number: _spells(tallies, number) for number, _ in group}
    while counted < ROWS_AT_ONCE:
        rows = log.after(position, ROWS)
        if not rows:
            break
        counted += len(rows)
        reached = rows[-1][0]
        for number, objective in group:
            minutes, failures = count_rows(objective, (row for _, row in rows), spells[number])
            tallies.add(number, minutes, failures, (position, reached))
        position = reached
    return counted, position


def _spells(tallies: Tallies, number: int) -> Spells:
    """Those that had begun when counting ended the last time."""
    failures = [Failure(*one) for one in tallies.failures(number, 0.0)]
    newest = max((one.at for one in failures), default=0.0)
    return Spells(one for one in failures if one.at > newest - 2 * SPELL_SECONDS)
