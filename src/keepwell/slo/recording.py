"""Objectives as series under the names that Sloth's recording rules give theirs, so that its dashboards work. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from keepwell.config.objective_model import ObjectiveEntry
from keepwell.formats.prometheus import Family
from keepwell.slo.finding import slug
from keepwell.slo.judge import State
from keepwell.slo.windows import NAMED, name_window

#: What Sloth calls a service, for objectives that are about no route.
SERVICE = "keepwell"
#: Each name with what it says.
NAMES = {
    "slo:objective:ratio": "The share of events that has to be good",
    "slo:error_budget:ratio": "The share of events that may be bad",
    "slo:time_period:days": "Days of the period",
    "slo:current_burn_rate:ratio": "How many times faster than allowed the allowance went in the last 5 minutes",
    "slo:period_burn_rate:ratio": "How much of the allowance went in the period, as far as it is counted",
    "slo:period_error_budget_remaining:ratio": "The share of the allowance that is left, below 0 where more went",
    "sloth_slo_info": "An objective, with what tells it apart",
}


def make_families(states: Sequence[State]) -> Iterator[Family]:
    """A family for each name that has samples. A window without events has no sample, as it has no share."""
    for name, seconds in NAMED:
        samples = [
            ({**labels_of(one.objective), "sloth_window": name}, burn.tally.ratio)
            for one in states
            for burn in one.burns
            if burn.seconds == seconds and burn.tally.events
        ]
        if samples:
            yield Family(
                name=f"slo:sli_error:ratio_rate{name}",
                help=f"The share of bad events in the last {name}",
                samples=samples,
            )
    yield from _periods(states)
    for name, words in NAMES.items():
        found = [(_labels(name, one.objective), value) for one in states for value in _values(name, one)]
        if found:
            yield Family(name=name, help=words, samples=found)


def labels_of(objective: ObjectiveEntry) -> dict[str, str]:
    """Sloth's labels: its id is service and name."""
    service = slug(objective.route or SERVICE)
    name = slug(objective.name)
    return {"sloth_id": f"{service}-{name}", "sloth_service": service, "sloth_slo": name}


def _periods(states: Iterable[State]) -> Iterator[Family]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for one in states:
        name = name_window(one.objective.over_seconds)
        if one.budget.events:
            labels = {**labels_of(one.objective), "sloth_window": name}
            found.setdefault(name, []).append((labels, one.budget.used / one.budget.events))
    for name, samples in found.items():
        if name not in dict(NAMED):
            words = f"The share of bad events in the last {name}, of all events alike"
            yield Family(name=f"slo:sli_error:ratio_rate{name}", help=words, samples=samples)


def _labels(name: str, objective: ObjectiveEntry) -> dict[str, str]:
    labels = labels_of(objective)
    if name == "sloth_slo_info":
        labels |= {
            "sloth_mode": "keepwell",
            "sloth_objective": f"{objective.target * 100:.6g}",
            "sloth_spec": "keepwell",
        }
    return labels


def _values(name: str, state: State) -> Iterator[float]:
    if name == "slo:objective:ratio":
        yield state.objective.target
    elif name == "slo:error_budget:ratio":
        yield state.objective.allowed
    elif name == "slo:time_period:days":
        yield state.objective.over_seconds / 86400.0
    elif name == "slo:current_burn_rate:ratio":
        yield from (one.rate for one in state.burns[:1] if one.tally.events)
    elif name == "sloth_slo_info":
        yield 1.0
    elif state.budget.events and name == "slo:period_burn_rate:ratio":
        yield 1.0 - state.budget.left
    elif state.budget.events:
        yield state.budget.left
