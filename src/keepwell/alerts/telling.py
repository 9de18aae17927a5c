"""What people have to be told now, of which incidents, and what that makes of the incidents. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from keepwell.alerts.inputs import Inputs
from keepwell.alerts.rules import FLOOD_MESSAGES, FLOOD_SECONDS, FORGET_SECONDS
from keepwell.core.finding import Status
from keepwell.store.alert_state import AlertState, Condition, Incident

#: What has waited for a third of its time goes with a message that goes out anyway: a lost switch is one message.
EARLY_RATIO = 2 / 3
#: new: for the first time; more: it is worse, or its root is another; again: nobody said that they know; over: it has
#: ended; past: it was critical and has ended before anybody was told.
Why: TypeAlias = Literal["new", "more", "again", "over", "past"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One incident in a message: as it is now, how many conditions it has, and why it is told."""

    why: Why
    incident: Incident
    affected: tuple[str, ...] = ()

    @property
    def severity(self) -> Status:
        """What decides who is told and when: of an end, the highest that was told."""
        if self.why == "over":
            return self.incident.told
        if self.why == "past":
            return self.incident.most
        return self.incident.worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One message: what is wrong, or (`recovery`) what is over; what came together is told together."""

    recovery: bool
    items: tuple[Item, ...]


def tell(state: AlertState, inputs: Inputs) -> tuple[AlertState, tuple[Telling, ...], tuple[Incident, ...]]:
    """The state after what is told now, at most one message of each kind, and the incidents that are closed by it."""
    due = [*_find_due(state, inputs)]
    loud = [one for one in due if one.severity not in inputs.quiet]
    sent = [at for at in state.sent if inputs.now - at < FLOOD_SECONDS]
    groups = [
        Telling(recovery=recovery, items=tuple(one for one in loud if (one.why == "over") is recovery))
        for recovery in (False, True)
    ]
    tellings = tuple([one for one in groups if one.items][: FLOOD_MESSAGES - len(sent)])
    told = [item for telling in tellings for item in telling.items]
    incidents = dict(state.incidents)
    closed = {name: one for name, one in incidents.items() if _is_forgettable(one, inputs)}
    closed |= {item.incident.id: item.incident for item in told if item.why in ("over", "past")}
    for name in closed:
        del incidents[name]
    for item in told:
        if item.incident.id in incidents:
            incidents[item.incident.id] = _after(item, inputs.now)
    sent += [inputs.now] * len(tellings)
    return replace(state, incidents=incidents, sent=tuple(sent)), tellings, tuple(closed.values())


def _is_forgettable(one: Incident, inputs: Inputs) -> bool:
    """A warning, or what is worked on since, that has ended before anybody was told; and what nobody could be told of
    for a day after its end.
    """
    if not one.ended_at or inputs.now - one.ended_at > FORGET_SECONDS:
        return bool(one.ended_at)
    if one.told is not Status.OK:
        return False
    return one.most < Status.CRITICAL or inputs.tree.covers(inputs.maintained, one.subject)


def _find_due(state: AlertState, inputs: Inputs) -> Iterable[Item]:
    members: dict[str, dict[str, Condition]] = {}
    for key, one in state.conditions.items():
        if one.incident:
            members.setdefault(one.incident, {})[key] = one
    early = EARLY_RATIO * inputs.rules.group * any(_goes_now(one, inputs) for one in state.incidents.values())
    for name in sorted(state.incidents):
        incident = state.incidents[name]
        mine = members.get(name, {})
        why = _why(incident, early, inputs)
        if why is not None:
            subjects = dict.fromkeys(one.subject for key, one in mine.items() if key != incident.root)
            yield Item(why=why, incident=incident, affected=tuple(subjects))


def _goes_now(one: Incident, inputs: Inputs) -> bool:
    """True for one whose message goes out now: others that are nearly as old go with it."""
    return one.told is Status.OK and not one.ended_at and inputs.now >= one.due_at and one.worst not in inputs.quiet


def _why(incident: Incident, early: float, inputs: Inputs) -> Why | None:
    now = inputs.now
    if incident.ended_at:
        return _why_ended(incident, inputs)
    if incident.told is Status.OK:
        return {True: "new", False: None}[now >= incident.due_at - early]
    if inputs.tree.covers(inputs.maintained, incident.subject):
        return None
    if incident.worst > incident.told or (incident.root != incident.told_root and now >= incident.due_at):
        return "more"
    if not incident.acked_at and now - incident.told_at >= inputs.rules.repeat(incident.worst):
        return "again"
    return None


def _why_ended(incident: Incident, inputs: Inputs) -> Why | None:
    if incident.told is not Status.OK:
        return "over"
    if _is_forgettable(incident, inputs):
        return None
    return "past"


def _after(item: Item, now: float) -> Incident:
    """An incident of which people were told; what is new in it they do not know yet."""
    one = replace(
        item.incident,
        told=max(item.incident.told, item.incident.worst),
        told_root=item.incident.root,
        told_at=now,
    )
    if item.why == "more":
        return replace(one, news_at=now, acked_at=0.0, acked_by="")
    return one
