"""From what was seen to the picture of a node: pure, the same for every face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from keepwell.app.dependence import find_needs
from keepwell.app.report import DevicePicture, EnginePicture, LoadedPicture, NodePicture, ServicePicture, SpeedPicture
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Seen, Value, unknown
from keepwell.core.ref import Ref


def picture_node(
    node: Ref, seen: Seen, findings: Iterable[Finding], titles: Mapping[Ref, tuple[str, str]]
) -> NodePicture:
    """The node with its devices and engines. `titles` gives each engine's proper name and URL."""
    worst = _worst(findings)
    return NodePicture(
        ref=node,
        system=_system(seen.value(node, "host.system")),
        cores=_field(seen.value(node, "host.cpu"), "cores"),
        memory_total_bytes=_number(seen, node, "host.memory_total_bytes"),
        memory_available_bytes=_number(seen, node, "host.memory_available_bytes"),
        devices=tuple(_device(ref, seen) for ref in sorted(seen.subjects("device"))),
        engines=tuple(_engine(ref, *titles[ref], seen, worst.get(ref)) for ref in sorted(titles)),
        services=tuple(
            _picture_service(ref, seen, worst.get(ref))
            for ref in sorted(seen.subjects("service"))
            if ref.node == node.name
        ),
    )


def _worst(findings: Iterable[Finding]) -> dict[Ref, Finding]:
    found: dict[Ref, Finding] = {}
    for one in findings:
        old = found.get(one.subject)
        if old is None or one.status > old.status:
            found[one.subject] = one
    return found


def _engine(ref: Ref, title: str, url: str, seen: Seen, worst: Finding | None) -> EnginePicture:
    readings = seen.value(ref, "engine.readings")
    status, state = Status.OK, "well"
    if worst is not None and worst.bad:
        status = worst.status
        state = worst.message.removeprefix(f"{title} at {url}").lstrip(": ") or worst.message
    return EnginePicture(
        ref=ref,
        title=title,
        url=url,
        version=_text(seen.value(ref, "engine.version")),
        status=status,
        state=state,
        supervisor=_text_or(_field(seen.value(ref, "engine.supervisor"), "kind"), ""),
        log=_text_or(_field(seen.value(ref, "engine.log"), "where"), ""),
        models=_count(seen.value(ref, "engine.models")),
        loaded=_loaded(seen.value(ref, "engine.loaded")),
        requests_running=_field(readings, "requests_running"),
        requests_waiting=_field(readings, "requests_waiting"),
        speed=_speed(ref, seen),
    )


def _speed(ref: Ref, seen: Seen) -> SpeedPicture | Missing:
    measured = seen.value(ref, "engine.speed")
    if isinstance(measured, Missing):
        return measured
    return SpeedPicture(
        model=_text_or(_field(measured, "model"), ""),
        output_tokens_per_second=_number(seen, ref, "engine.output_tokens_per_second"),
        input_tokens_per_second=_number(seen, ref, "engine.input_tokens_per_second"),
        first_token_seconds=_number(seen, ref, "engine.first_token_seconds"),
    )


def _picture_service(ref: Ref, seen: Seen, worst: Finding | None) -> ServicePicture:
    site = seen.value(ref, "service.site")
    title = _text_or(_field(site, "title"), ref.name)
    named = title
    if ref.name not in (title, _text_or(_field(site, "kind"), "")):
        named = f"{title} ({ref.name})"
    health = _text_or(_field(seen.value(ref, "service.health"), "state"), "")
    status, state = Status.OK, {"well": "answers"}.get(health, "runs")
    if worst is not None and worst.bad:
        status, state = worst.status, worst.message.removeprefix(named).strip()
    unit, container = (_text_or(_field(site, key), "") for key in ("unit", "container"))
    place = unit
    if container:
        place = f"container {container}"
    return ServicePicture(
        ref=ref,
        kind=_text_or(_field(site, "kind"), ""),
        title=named,
        url=_text_or(_field(site, "url"), ""),
        version=_text(seen.value(ref, "service.version")),
        status=status,
        state=state,
        place=place,
        declared=_field(site, "declared") is True,
        needs=find_needs(seen, ref),
    )


def _loaded(value: Value | Missing) -> tuple[LoadedPicture, ...] | Missing:
    if isinstance(value, Missing):
        return value
    if not isinstance(value, tuple):
        return unknown("not a list of models")
    return tuple(_loaded_one(one) for one in value if isinstance(one, Mapping))


def _loaded_one(row: Mapping[str, Any]) -> LoadedPicture:
    return LoadedPicture(
        name=str(row.get("name", "")),
        size_bytes=int(row.get("size_bytes", 0)),
        gpu_ratio=row.get("gpu_ratio", unknown("the engine does not tell the split")),
        context_tokens=int(row.get("context_tokens", 0)),
        expires_at=float(row.get("expires_at", 0.0)),
    )


def _device(ref: Ref, seen: Seen) -> DevicePicture:
    return DevicePicture(
        ref=ref,
        name=_text_or(_field(seen.value(ref, "device.identity"), "name"), ref.name),
        memory_total_bytes=_number(seen, ref, "device.memory_total_bytes"),
        memory_used_bytes=_number(seen, ref, "device.memory_used_bytes"),
        utilisation_ratio=_number(seen, ref, "device.utilisation_ratio"),
        temperature_celsius=_number(seen, ref, "device.temperature_celsius"),
        power_watts=_number(seen, ref, "device.power_watts"),
    )


def _system(value: Value | Missing) -> str:
    if not isinstance(value, Mapping):
        return ""
    words = [str(value.get(key, "")) for key in ("distribution", "machine", "virtual")]
    words[-1] = {"vm": "virtual machine"}.get(words[-1], words[-1])
    return " · ".join(word for word in words if word)


def _field(value: Value | Missing, key: str) -> Any:
    if isinstance(value, Missing):
        return value
    if isinstance(value, Mapping) and key in value:
        return value[key]
    return unknown(f"no {key} was told")


def _number(seen: Seen, subject: Ref, name: str) -> float | Missing:
    value = seen.value(subject, name)
    if isinstance(value, Missing):
        return value
    if isinstance(value, int | float):
        return float(value)
    return unknown(f"{name} is not a number")


def _count(value: Value | Missing) -> int | Missing:
    if isinstance(value, Missing):
        return value
    if isinstance(value, tuple):
        return len(value)
    return unknown("not a list")


def _text(value: Value | Missing) -> str | Missing:
    if isinstance(value, Missing):
        return value
    return str(value)


def _text_or(value: Any, other: str) -> str:
    if isinstance(value, str):
        return value
    return other
