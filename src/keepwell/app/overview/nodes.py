"""The rows of nodes, devices, engines and models: the newest numbers over what the newest look found. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from keepwell.app.overview.model import DeviceRow, EngineRow, ModelRow, NodeRow
from keepwell.app.overview.numbers import Numbers
from keepwell.app.overview.worst import Worst
from keepwell.app.report import EnginePicture, LoadedPicture, NodePicture
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, unknown
from keepwell.core.ref import Ref, node

STAYS = unknown("nobody tells when it leaves")
#: A time to leave that lies further off is "for ever".
EVER_SECONDS = 50 * 365 * 86_400.0
#: What is said of a node of which nothing came yet.
NOT_SEEN = "nothing is known of it yet"


@dataclass(slots=True)
class _Things:
    """Names of devices of a node, and of models in each engine's memory, as series tell them."""

    devices: set[str] = field(default_factory=set)
    models: dict[str, list[str]] = field(default_factory=dict)


def draw_nodes(
    names: Iterable[str], numbers: Numbers, pictures: Mapping[str, NodePicture], worst: Worst, now: float
) -> tuple[NodeRow, ...]:
    """A row for each of these nodes and each that has numbers, sorted by name."""
    things = _list_things(numbers)
    told = {one.removeprefix("node:") for one in numbers.seen_at}
    every = sorted({*names, *told})
    nothing = _Things()
    return tuple(_draw_node(name, numbers, pictures.get(name), worst, things.get(name, nothing), now) for name in every)


def _list_things(numbers: Numbers) -> dict[str, _Things]:
    found: dict[str, _Things] = {}
    for _, name, rest in numbers.within("device"):
        found.setdefault(name, _Things()).devices.add(rest)
    for _, name, rest in numbers.within("model"):
        engine, _, model = rest.partition("/")
        found.setdefault(name, _Things()).models.setdefault(engine, []).append(model)
    return found


def _draw_node(
    name: str, numbers: Numbers, picture: NodePicture | None, worst: Worst, things: _Things, now: float
) -> NodeRow:
    subject = str(node(name))
    seen_at = numbers.seen_at.get(subject, 0.0)
    status, state = _judge(worst.of_node.get(name))
    system = ""
    engines: tuple[EngineRow, ...] = ()
    if picture is not None:
        system = picture.system
        models = things.models
        engines = tuple(_draw_engine(one, numbers, worst, models.get(one.ref.name, ()), now) for one in picture.engines)
    if not seen_at and picture is None and status is Status.OK:
        status, state = Status.UNKNOWN, NOT_SEEN
    return NodeRow(
        ref=subject,
        name=name,
        status=status,
        state=state,
        seen_at=round(seen_at, 3),
        system=system,
        processor_ratio=numbers.find(subject, "host.cpu_busy_ratio"),
        memory_used_bytes=numbers.find(subject, "host.memory_used_bytes"),
        memory_total_bytes=numbers.find(subject, "host.memory_total_bytes"),
        devices=_draw_devices(name, numbers, picture, things.devices),
        engines=engines,
    )


def _judge(finding: Finding | None) -> tuple[Status, str]:
    if finding is None:
        return Status.OK, ""
    return finding.status, finding.message


def _draw_devices(
    name: str, numbers: Numbers, picture: NodePicture | None, known: Iterable[str]
) -> tuple[DeviceRow, ...]:
    titles = dict.fromkeys(known, "")
    if picture is not None:
        titles.update((one.ref.name, one.name) for one in picture.devices)
    return tuple(_draw_device(name, which, titles[which], numbers) for which in sorted(titles, key=_in_order))


def _in_order(name: str) -> tuple[int, str]:
    """Numbers as numbers."""
    if name.isdecimal():
        return int(name), ""
    return -1, name


def _draw_device(name: str, which: str, title: str, numbers: Numbers) -> DeviceRow:
    subject = f"device:{name}/{which}"
    find = numbers.find
    return DeviceRow(
        ref=subject,
        name=title or which,
        utilisation_ratio=find(subject, "device.utilisation_ratio"),
        memory_used_bytes=find(subject, "device.memory_used_bytes"),
        memory_total_bytes=find(subject, "device.memory_total_bytes"),
        temperature_celsius=find(subject, "device.temperature_celsius"),
        power_watts=find(subject, "device.power_watts"),
        clock_hertz=find(subject, "device.clock_hertz"),
    )


def _draw_engine(
    picture: EnginePicture, numbers: Numbers, worst: Worst, models: Iterable[str], now: float
) -> EngineRow:
    subject = str(picture.ref)
    status, state = picture.status, picture.state
    finding = worst.of_subject.get(subject)
    if finding is not None:
        status = finding.status
        state = finding.message.removeprefix(f"{picture.title} at {picture.url}").lstrip(": ") or finding.message
    elif status is not Status.UNKNOWN:  # what was found is decided on, or over
        status, state = Status.OK, "well"
    return EngineRow(
        ref=subject,
        title=picture.title,
        url=picture.url,
        version=picture.version,
        status=status,
        state=state,
        running=_newer(numbers.find(subject, "engine.requests_running"), picture.requests_running),
        waiting=_newer(numbers.find(subject, "engine.requests_waiting"), picture.requests_waiting),
        memory_bytes=numbers.find(subject, "process.memory_bytes"),
        models=_draw_models(picture, numbers, models, now),
    )


def _newer(told: float | Missing, looked: float | Missing) -> float | Missing:
    """What the engine tells all the time; where it never does, why, as the look says it: a look's number is old."""
    if isinstance(told, Missing) and isinstance(looked, Missing):
        return looked
    return told


def _draw_models(picture: EnginePicture, numbers: Numbers, names: Iterable[str], now: float) -> tuple[ModelRow, ...]:
    """Of an engine that tells all the time what it holds, that; else as the newest look found it."""
    if isinstance(numbers.find(str(picture.ref), "engine.models_loaded"), float | int):
        rows = [_draw_model(picture.ref, name, numbers) for name in names]
        held = [one for one in rows if not isinstance(one.size_bytes, Missing)]
        if held:
            return tuple(sorted(held, key=attrgetter("name")))
        if numbers.find(str(picture.ref), "engine.models_loaded") == 0:
            return ()
    if isinstance(picture.loaded, Missing):
        return ()
    return tuple(_draw_found(one, now) for one in picture.loaded)


def _draw_model(engine: Ref, name: str, numbers: Numbers) -> ModelRow:
    subject = f"model:{'/'.join(engine.path)}/{name}"
    return ModelRow(
        name=name,
        size_bytes=numbers.find(subject, "model.loaded_bytes"),
        gpu_ratio=numbers.find(subject, "model.gpu_ratio"),
        unload_seconds=numbers.find(subject, "model.expires_seconds"),
    )


def _draw_found(one: LoadedPicture, now: float) -> ModelRow:
    size: float | Missing = float(one.size_bytes)
    if not one.size_bytes:
        size = unknown("its engine does not tell")
    left: float | Missing = STAYS
    if one.expires_at and one.expires_at - now < EVER_SECONDS:
        left = max(0.0, one.expires_at - now)
    return ModelRow(name=one.name, size_bytes=size, gpu_ratio=one.gpu_ratio, unload_seconds=left)
