"""What models have room in on this machine, what each takes of it, and estimates of what another form would give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from math import isfinite, nan
from typing import cast

from keepwell.app.serving.memory_plans import USUAL_CONTEXT, find_shape
from keepwell.app.wiring import Wiring
from keepwell.bench.capacity import (
    Estimate,
    count_at_once,
    estimate_forms,
    estimate_from_bandwidth,
    estimate_speed,
)
from keepwell.core.errors import AccessError, EngineError
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing, Observation, Seen, unknown
from keepwell.core.ref import Ref
from keepwell.core.ref import node as node_ref
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.engine import ListsModels, ModelInfo
from keepwell.plugins.memory_plan import plan_memory
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import Probe
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.registry import load
from keepwell.survey.survey import SurveyResult

#: Models of an engine that are told, in the order of its list.
MODELS = 30
#: Share of a memory that models may have: the rest is the system's, and of a card its runtime's.
SHARE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where models lie: devices by name and memory in bytes, or the machine's memory (`on_cpu`) where it has no device
    that tells any. `bytes_per_second` is the bandwidth that makers state, 0 where no table has it.
    """

    devices: tuple[tuple[str, float], ...]
    on_cpu: bool
    bytes_per_second: float = 0.0

    @property
    def total(self) -> float:
        """Bytes that models may have: SHARE of all."""
        return SHARE * sum(size for _, size in self.devices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A model in another quantisation: its bytes, whether it fits, and an estimate of tokens/s of one sequence."""

    quantisation: str
    weight_bytes: float
    at_once: int
    speed: Estimate | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a model takes: its weights, what one request's context of `context_tokens` takes, room to compute.

    `at_once` is how many requests fit with such a context each, `one_more` the same with a second device like the
    first (nan as -1: no device). `speed` is what one sequence gets: measured, or an estimate (`measured` tells which).
    """

    engine: str
    model: str
    quantisation: str
    weight_bytes: float
    cache_bytes: float
    work_bytes: float
    context_tokens: int
    at_once: int
    one_more: int
    speed: Estimate | Missing
    measured: bool
    forms: tuple[Form, ...]
    problem: str = ""


async def find_room(wiring: Wiring) -> Room | Missing:
    """Devices with their memory, else the machine's own."""
    place = Place(node=node_ref(wiring.hands.name), transport=wiring.hands, clock=wiring.clock)
    observed: list[Observation] = []
    for name in ("host_memory", "gpu_bus", "gpu_readings", "memory_bandwidth"):
        observed += await cast("Probe", load("probes", name)).observe(place)
    seen = Seen(observed)
    devices = tuple(_find_devices(seen, place.node))
    if devices:
        rates = [
            find_number(row_of(one.value).get("bytes_per_second")) or 0.0 for one in seen.named("device.bandwidth")
        ]
        return Room(devices=devices, on_cpu=False, bytes_per_second=max(rates, default=0.0))
    memory = find_number(seen.value(place.node, "host.memory_total_bytes"))
    if not memory:
        return unknown("this machine does not tell its memory")
    rate = find_number(row_of(seen.value(place.node, "host.memory_bandwidth")).get("bytes_per_second")) or 0.0
    return Room(devices=(("memory", memory),), on_cpu=True, bytes_per_second=rate)


async def find_fits(
    wiring: Wiring,
    result: SurveyResult,
    room: Room | Missing,
    model: str,
    context: int,
    speeds: Mapping[str, float],
) -> AsyncIterator[Fit]:
    """Each model of each engine here. Reads the headers of their files; loads nothing."""
    engines = load_engines()
    for site in result.sites:
        plugin = engines.get(site.engine)
        if plugin is None or not isinstance(plugin, ListsModels):
            continue
        try:
            models = await plugin.models(site, wiring.hands)
        except (AccessError, EngineError):
            continue
        if isinstance(models, Missing):
            continue
        for one in [each for each in models if not model or same_model(model, each.name)][:MODELS]:
            yield await _fit(wiring, site, plugin, one, room, context, speeds)


async def _fit(
    wiring: Wiring,
    site: Site,
    plugin: object,
    model: ModelInfo,
    room: Room | Missing,
    context: int,
    speeds: Mapping[str, float],
) -> Fit:
    shape = await find_shape(site, plugin, wiring.hands, model)
    weights, cache, work = float(model.size_bytes or model.facts.size_bytes), 0.0, 0.0
    tokens, problem = context or USUAL_CONTEXT, ""
    if shape is None:
        problem = "its file's header cannot be read here: what a request takes beside the weights is not known"
    else:
        tokens = min(tokens, shape.context_tokens or tokens)
        plan = plan_memory(shape, context_tokens=tokens)
        weights, cache, work = float(plan.weight_bytes), float(plan.cache_bytes), float(plan.compute_bytes)
    speed, measured = _find_speed(speeds.get(model.name, nan), weights, room)
    quantisation = model.facts.quantisation
    return Fit(
        engine=str(site.ref),
        model=model.name,
        quantisation=quantisation,
        weight_bytes=weights,
        cache_bytes=cache,
        work_bytes=work,
        context_tokens=tokens,
        at_once=_at_once(room, weights, work, cache, 0),
        one_more=_at_once(room, weights, work, cache, 1),
        speed=speed,
        measured=measured,
        forms=tuple(_find_forms(room, (weights, work, cache), quantisation, speed, measured)),
        problem=problem,
    )


def _find_forms(
    room: Room | Missing,
    sizes: tuple[float, float, float],
    quantisation: str,
    speed: Estimate | Missing,
    measured: bool,
) -> list[Form]:
    weights, work, cache = sizes
    made = []
    for name, size in estimate_forms(weights, quantisation).items():
        other: Estimate | Missing = unknown("neither a speed of it was measured nor the bandwidth is known")
        if not isinstance(speed, Missing) and measured:
            other = estimate_speed(speed.low, weights, size)
        elif not isinstance(speed, Missing) and not isinstance(room, Missing):
            other = estimate_from_bandwidth(room.bytes_per_second, size)
        made.append(
            Form(quantisation=name, weight_bytes=size, at_once=_at_once(room, size, work, cache, 0), speed=other)
        )
    return made


def _find_speed(alone: float, weights: float, room: Room | Missing) -> tuple[Estimate | Missing, bool]:
    if isfinite(alone):
        return Estimate(low=alone, high=alone), True
    if isinstance(room, Missing) or not room.bytes_per_second or not weights:
        return unknown("not measured (keepwell bench --load 1), and the memory's bandwidth is not known"), False
    return estimate_from_bandwidth(room.bytes_per_second, weights), False


def _at_once(room: Room | Missing, weights: float, work: float, cache: float, more: int) -> int:
    """-1 where it cannot be told."""
    if isinstance(room, Missing) or not weights or not cache or (more and room.on_cpu):
        return -1
    size = room.total + more * SHARE * room.devices[0][1]
    return count_at_once(size, weights, work, cache)


def _find_devices(seen: Seen, node: Ref) -> list[tuple[str, float]]:
    found = []
    for one in seen.named("device.memory_total_bytes"):
        size = find_number(one.value)
        if size and one.subject.node == node.name:
            found.append((_name(seen, node, one.subject), size))
    return found


def _name(seen: Seen, node: Ref, device: Ref) -> str:
    rows = rows_of(seen.value(node, "device.list"))
    return next((text_of(row, "name") for row in rows if text_of(row, "index") == device.name), device.name)
