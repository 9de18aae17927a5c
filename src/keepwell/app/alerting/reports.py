"""What commands say of alerts: what is wrong now, what was told before, who knows, what is worked on."""

from __future__ import annotations

import getpass
import time
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.alerting.circumstances import drained_subject
from keepwell.app.hub.alerting import BEAT_FILE
from keepwell.app.operation import COULD_NOT_LOOK, Caller
from keepwell.app.wiring import find_state, read_config
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Status
from keepwell.core.observation import Missing, unknown
from keepwell.core.ref import Ref
from keepwell.gateway.choice.cordons import load_cordons
from keepwell.store.alert_desk import Ack, Desk, Maintenance, change_desk, load_desk
from keepwell.store.alert_history import Entry, load_entries
from keepwell.store.alert_state import AlertFile, Condition, Incident, OutletState, load_alerts
from keepwell.transport.local import LocalTransport

#: A hub that has decided nothing for so long is not running: it does every five seconds.
SILENT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """An incident and the subjects of the conditions that it has now, its root's first."""

    incident: Incident
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletLine:
    """How an outlet does: what it is called, the least that it is told of, and how many letters wait for it."""

    name: str
    least: str
    state: OutletState
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsReport:
    """The answer of `alerts list`, `alerts ack` and `alerts maintenance`.

    `looked_at` is when the hub decided last, Missing if it never did or is not running. `pending` is not told yet: it
    did not last long enough. `drained` is in maintenance because it was drained. `done` is what was changed.
    """

    looked_at: float | Missing
    incidents: tuple[IncidentLine, ...]
    pending: tuple[Condition, ...]
    outlets: tuple[OutletLine, ...]
    maintenance: tuple[Maintenance, ...]
    drained: tuple[str, ...]
    done: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.alerts/1"

    @property
    def exit_code(self) -> int:
        """By the worst incident that lasts, 3 where nobody looks; of what was changed 0."""
        if self.done:
            return 0
        if isinstance(self.looked_at, Missing):
            return COULD_NOT_LOOK
        worst = max((one.incident.worst for one in self.incidents), default=Status.OK)
        return {Status.WARNING: 1, Status.CRITICAL: 2}.get(worst, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHistoryReport:
    """The answer of `alerts history`: what was told and what became of it, oldest first."""

    entries: tuple[Entry, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.alert-history/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def list_alerts(caller: Caller, done: str = "") -> AlertsReport:
    """What is wrong now, as the hub decided last. Raises ConfigurationError, DamagedError."""
    state = find_state(caller)
    config = read_config(caller, LocalTransport().name)
    file, desk, now = load_alerts(state), load_desk(state), time.time()
    waiting = {one.name: sum(letter.outlet == one.name for letter in file.letters) for one in config.notify}
    return AlertsReport(
        looked_at=_looked_at(state, now),
        incidents=tuple(_line(one, file) for one in file.state.incidents.values()),
        pending=tuple(one for one in file.state.conditions.values() if not one.incident),
        outlets=tuple(
            OutletLine(
                name=one.name,
                least=one.least,
                state=file.outlets.get(one.name, OutletState()),
                waiting=waiting[one.name],
            )
            for one in config.notify
        ),
        maintenance=tuple(one for one in desk.maintenance if one.holds(now)),
        drained=tuple(drained_subject(one.subject) for one in load_cordons(state)),
        done=done,
    )


def list_history(caller: Caller, *, last: int, incident: str) -> AlertHistoryReport:
    """The newest entries, those of one incident alone if it is named."""
    entries = load_entries(find_state(caller), last * {True: 1, False: 20}[not incident])
    if incident:
        entries = [one for one in entries if incident in (one.incident.id, *one.incident.folded)]
    return AlertHistoryReport(entries=tuple(entries[-last:]))


def acknowledge(caller: Caller, name: str, note: str) -> AlertsReport:
    """Somebody knows of an incident ("all": of every one). Raises ConfigurationError where there is none of this id."""
    state = find_state(caller)
    known = [one for one in load_alerts(state).state.incidents.values() if not one.ended_at]
    chosen = [one.id for one in known if name in ("all", one.id, *one.folded)]
    if not chosen:
        ids = ", ".join(one.id for one in known) or "none"
        raise ConfigurationError(f"no incident {name!r} lasts", hint=f"there are: {ids}")
    ack = Ack(at=time.time(), by=_who(caller), note=note)

    def change(desk: Desk) -> Desk:
        return replace(desk, acks={**desk.acks, **dict.fromkeys(chosen, ack)})

    change_desk(state, change)
    return list_alerts(caller, f"{', '.join(chosen)}: nobody is told again unless it gets worse")


def maintain(caller: Caller, subject: str, *, seconds: float, why: str, end: bool) -> AlertsReport:
    """Begin or end maintenance of a node, an engine or anything else with a Ref; without a subject tells what there is.

    Raises ConfigurationError where nothing is called so, or nothing is to be ended.
    """
    state = find_state(caller)
    if not subject:
        return list_alerts(caller)
    ref, now = find_subject(caller, subject), time.time()
    others = tuple(one for one in load_desk(state).maintenance if one.holds(now) and one.subject != ref)
    if end and len(others) == len([one for one in load_desk(state).maintenance if one.holds(now)]):
        raise ConfigurationError(f"{ref} is not in maintenance", hint="what was drained ends with keepwell uncordon")
    made = Maintenance(subject=ref, since=now, until=now + seconds, by=_who(caller), why=why)

    def change(desk: Desk) -> Desk:
        return replace(desk, maintenance=(*others, *[made] * (not end)))

    change_desk(state, change)
    if end:
        return list_alerts(caller, f"{ref}: maintenance is over; what is wrong there is told again")
    until = time.strftime("%a %H:%M", time.localtime(made.until))
    return list_alerts(caller, f"{ref}: nobody is told of it and of what depends on it until {until}")


def find_subject(caller: Caller, word: str) -> str:
    """The text of the Ref that is meant: a Ref, a node's name, or node/engine. Raises ConfigurationError."""
    try:
        return str(Ref.parse(word))
    except ValueError:
        here = LocalTransport().name
        nodes = {here, *(one.name for one in read_config(caller, here).nodes)}
        if word.partition("/")[0] not in nodes:
            hint = f"write a node ({', '.join(sorted(nodes))}), NODE/ENGINE, or KIND:NODE/NAME"
            raise ConfigurationError(f"{word!r} is nothing that is known", hint=hint) from None
        return drained_subject(word)


def _line(incident: Incident, file: AlertFile) -> IncidentLine:
    subjects = [one.subject for one in file.state.conditions.values() if one.incident == incident.id]
    return IncidentLine(incident=incident, subjects=tuple(dict.fromkeys((incident.subject, *subjects))))


def _looked_at(state: Path, now: float) -> float | Missing:
    try:
        at = (state / BEAT_FILE).stat().st_mtime
    except OSError:
        return unknown("nobody has looked yet: keepwell up does")
    if now - at > SILENT_SECONDS:
        return unknown(f"nobody looks since {time.strftime('%Y-%m-%d %H:%M', time.localtime(at))}: keepwell up does")
    return at


def _who(caller: Caller) -> str:
    if caller.face != caller.asked_by:  # by the name of a key
        return caller.asked_by
    try:
        return f"{getpass.getuser()} ({caller.asked_by})"
    except (KeyError, OSError):
        return caller.asked_by
