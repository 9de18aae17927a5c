"""What container runtimes say happened: `docker events` and `podman events` as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from keepwell.core.event import Event, EventKind

#: The runtimes' words that matter, and what each means. "{name}" is the container's or the image's.
_CONTAINER: dict[str, tuple[EventKind, str]] = {
    "create": ("container-change", "container {name} was made"),
    "start": ("container-start", "container {name} was started"),
    "restart": ("container-start", "container {name} was started again"),
    "unpause": ("container-start", "container {name} goes on"),
    "die": ("container-stop", "container {name} ended"),
    "died": ("container-stop", "container {name} ended"),
    "pause": ("container-stop", "container {name} was paused"),
    "destroy": ("container-change", "container {name} was removed"),
    "remove": ("container-change", "container {name} was removed"),
    "rename": ("container-change", "container {name} got its name"),
    "update": ("container-change", "container {name} got other limits"),
    "oom": ("oom", "memory ran out in container {name}"),
}
_IMAGE: dict[str, str] = {
    "pull": "image {name} was pulled",
    "load": "image {name} was loaded",
    "build": "image {name} was built",
    "delete": "image {name} was removed",
    "remove": "image {name} was removed",
    "tag": "image {name} got its tag",
}


def parse_container_events(text: str, runtime: str) -> tuple[Event, ...]:
    """The events in order; lines that are no JSON, and what does not matter (exec, attach), are left out."""
    found = (_parse(line, runtime) for line in text.splitlines())
    return tuple(one for one in found if one is not None)


def _parse(line: str, runtime: str) -> Event | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    at = _moment(row)
    if at is None:
        return None
    kind = _first(row, "Type", "type").lower()
    word = _first(row, "Action", "Status", "status").strip()
    attributes = _attributes(row)
    source = f"{runtime} events"
    if kind == "container":
        return _container(at, word, _name(row, attributes), attributes, source)
    name = _first(row, "Name", "name", "id", "ID") or _text(attributes, "name")
    if kind == "image" and word in _IMAGE:
        return Event(at=at, kind="image", what=_IMAGE[word].format(name=name), source=source, about=name)
    return None


def _container(at: float, word: str, name: str, attributes: Mapping[str, object], source: str) -> Event | None:
    if word.startswith("health_status"):
        state = word.partition(":")[2].strip() or _text(attributes, "health_status")
        what = f"container {name} became {state or 'another health'}"
        return Event(at=at, kind="container-health", what=what, source=source, about=name, now=state)
    if word not in _CONTAINER:
        return None
    kind, sentence = _CONTAINER[word]
    what = sentence.format(name=name)
    code = _text(attributes, "exitCode") or _text(attributes, "containerExitCode")
    if kind == "container-stop" and code:
        what += f" (exit code {code})"
    return Event(at=at, kind=kind, what=what, source=source, about=name)


def _moment(row: Mapping[str, object]) -> float | None:
    """`timeNano` (docker, podman), `time` in seconds, or `Time` as text (podman)."""
    nano, seconds, text = row.get("timeNano"), row.get("time"), row.get("Time")
    if isinstance(nano, int) and not isinstance(nano, bool) and 0 < nano < 10**20:
        return nano / 1e9
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 10**11:
        return float(seconds)
    if isinstance(text, str):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        if moment.tzinfo is not None:
            return moment.timestamp()
    return None


def _attributes(row: Mapping[str, object]) -> Mapping[str, object]:
    actor = row.get("Actor")
    found: object = row.get("Attributes")
    if isinstance(actor, dict):
        found = actor.get("Attributes")
    merged = dict(row)
    if isinstance(found, dict):
        merged |= found
    return merged


def _name(row: Mapping[str, object], attributes: Mapping[str, object]) -> str:
    return _text(attributes, "name") or _text(attributes, "Name") or _first(row, "id", "ID")[:12]


def _first(row: Mapping[str, object], *keys: str) -> str:
    return next((_text(row, key) for key in keys if _text(row, key)), "")


def _text(row: Mapping[str, object], key: str) -> str:
    value = row.get(key, "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)
