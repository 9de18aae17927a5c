"""The decision about alerts: state, findings, time and what people said in; new state and messages out. Pure.

Two calls with the same arguments give the same; a state that was written down and read again decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from keepwell.alerts.conditions import follow
from keepwell.alerts.incidents import arrange
from keepwell.alerts.inputs import Inputs
from keepwell.alerts.telling import Telling, tell
from keepwell.store.alert_desk import Ack
from keepwell.store.alert_state import AlertState, Explanation, Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What came of it: the state from now on, messages for people, incidents that are closed, and that are new."""

    state: AlertState
    tellings: tuple[Telling, ...] = ()
    closed: tuple[Incident, ...] = ()
    opened: tuple[Incident, ...] = ()


def decide(state: AlertState, inputs: Inputs) -> Decision:
    """One step. Costs some milliseconds for thousands of conditions."""
    conditions, resting = follow(state.conditions, state.resting, state.incidents, inputs)
    conditions, incidents = arrange(conditions, state.incidents, inputs)
    incidents = {name: _acknowledge(_explain(one, inputs.explained), inputs.acks) for name, one in incidents.items()}
    opened = tuple(one for name, one in incidents.items() if name not in state.incidents)
    arranged = AlertState(conditions=conditions, incidents=incidents, resting=resting, sent=state.sent)
    after, tellings, closed = tell(arranged, inputs)
    return Decision(state=after, tellings=tellings, closed=closed, opened=opened)


def _explain(incident: Incident, explained: Mapping[str, Explanation]) -> Incident:
    """With its cause, as it was found by whichever of its names."""
    for name in (incident.id, *incident.folded):
        if name in explained and incident.explanation is None:
            return replace(incident, explanation=explained[name])
    return incident


def _acknowledge(incident: Incident, acks: Mapping[str, Ack]) -> Incident:
    """With the word of who knows of it, if nothing new came since."""
    for name in (incident.id, *incident.folded):
        ack = acks.get(name)
        if ack is not None and ack.at > max(incident.news_at, incident.acked_at):
            incident = replace(incident, acked_at=ack.at, acked_by=ack.by)
    return incident
