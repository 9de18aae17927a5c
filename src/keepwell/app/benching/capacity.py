"""`keepwell capacity`: the largest load within the objectives, as measured; what fits, and what else would give."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.app.benching.kept import load_results
from keepwell.app.benching.rooms import Fit, Room, find_fits, find_room
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring, wire
from keepwell.bench.capacity import Capacity, Promise, find_capacities, try_load
from keepwell.bench.goals import Limit, parse_goals
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.errors import ConfigurationError, DamagedError, NotThere
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing, unknown
from keepwell.store.benchmarks import KeptHead, list_benchmarks

#: The share of requests for which a goal of the command line has to be kept, as in a sweep.
USUAL_SHARE = 0.95
#: Results that are read, the newest: a million requests take a second.
RESULTS = 300
#: Which indicators of objectives limit a load, by what they limit.
_LIMITS: dict[str, Limit] = {"ttft": "ttft", "tpot": "tpot", "total": "e2e"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one engine did for one model and workload, as results tell it."""

    node: str
    engine: str
    version: str
    model: str
    workload: str
    capacity: Capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityReport:
    """The answer of `capacity`. `room` is what models have on this machine, `fits` what each takes of it."""

    promises: tuple[Promise, ...]
    measured: tuple[Measured, ...]
    room: Room | Missing
    fits: tuple[Fit, ...]
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.capacity/1"

    @property
    def exit_code(self) -> int:
        """3 where nothing was measured and no model is known, else 0."""
        return 3 * (not self.measured and not self.fits)


async def find_capacity(caller: Caller, model: str, node: str, goal: str, context: int) -> CapacityReport:
    """What this machine (and nodes of which results are kept) can carry. Raises ConfigurationError, AccessError."""
    async with wire(caller) as wiring:
        promises = read_promises(goal, wiring.config.objectives)
        notes: list[str] = []
        measured = tuple(find_measured(wiring.state, promises, model, node, notes))
        room: Room | Missing
        fits: tuple[Fit, ...] = ()
        room, fits = await _look(wiring, caller, model, node, context, measured)
    if not promises:
        notes.append(
            "no objective limits a load: every request had to be answered. --goal ttft=500ms,itl=50ms sets one"
        )
    return CapacityReport(promises=promises, measured=measured, room=room, fits=fits, notes=tuple(notes))


def read_promises(goal: str, objectives: Iterable[ObjectiveEntry]) -> tuple[Promise, ...]:
    """Those of the command line; else those of keepwell.toml about times that are for all routes. Raises
    ConfigurationError.
    """
    try:
        goals = parse_goals(goal)
    except ValueError as error:
        raise ConfigurationError(str(error), where="--goal") from error
    if goals:
        return tuple(
            Promise(limit=name, seconds=limit, share=USUAL_SHARE, name="--goal") for name, limit in goals.items()
        )
    return tuple(
        Promise(limit=_LIMITS[one.indicator], seconds=one.within_seconds, share=one.target, name=one.name)
        for one in objectives
        if one.indicator in _LIMITS and not one.key
    )


def find_measured(
    state: Path, promises: Sequence[Promise], model: str, node: str, notes: list[str]
) -> Iterator[Measured]:
    """By engine, model and workload."""
    found = list_benchmarks(state)
    notes += found.problems
    groups: dict[tuple[str, str, str, str, str], list[KeptHead]] = {}
    for head in found.heads[:RESULTS]:
        about = head.about
        if (model and not same_model(model, about.get("model", ""))) or (node and node != about.get("node", "")):
            continue
        where = about.get("engine", "") or about.get("url", "")
        key = (about.get("node", ""), where, about.get("version", ""), about.get("model", ""), head.workload)
        groups.setdefault(key, []).append(head)
    for key, heads in groups.items():
        tried = []
        for head in heads:
            try:
                (result,) = load_results(state, [head])
            except (NotThere, DamagedError) as error:
                notes.append(f"{head.id} is not used: {error.what}")
                continue
            tried.append(try_load(result, promises))
        for capacity in find_capacities(one for one in tried if one is not None):
            yield Measured(node=key[0], engine=key[1], version=key[2], model=key[3], workload=key[4], capacity=capacity)


async def _look(
    wiring: Wiring, caller: Caller, model: str, node: str, context: int, measured: Sequence[Measured]
) -> tuple[Room | Missing, tuple[Fit, ...]]:
    """What fits on this machine; of another nothing but what was measured is told."""
    if node and node != wiring.hands.name:
        return unknown(f"what fits is told on the node itself: keepwell capacity on {node}"), ()
    from keepwell.app.looking import look

    result = await look(wiring, caller, level=1)
    room = await find_room(wiring)
    speeds = {one.model: _alone(one) for one in measured}
    fits = [one async for one in find_fits(wiring, result, room, model, context, speeds)]
    return room, tuple(fits)


def _alone(measured: Measured) -> float:
    """Output tokens a second of one sequence, nan where one client alone was not measured."""
    for one in measured.capacity.tried:
        if one.unit == "clients" and one.size == 1 and one.output_tokens_per_second:
            return one.output_tokens_per_second
    return math.nan
