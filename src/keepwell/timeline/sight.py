"""How a node stands at one look, and what is different at the next: was -> is, secrets masked. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from keepwell.core.event import Event, EventKind, Sure
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.secret import mask_text
from keepwell.core.text import cut_text, escape_controls
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.store.sights import Known, Sight

#: Characters of each side of a change that are told.
SIDE_CHARACTERS = 160
#: Digits of a digest that a person compares.
DIGEST_DIGITS = 12
#: Before the names of settings that an engine gives a process of one model: they come and go with it.
CHILD = "child "
#: What is told of changes that two looks show.
SOURCE = "two looks of keepwell"
#: Scope to the kind of its changes, and how each is told when it changed, came, and went; "" is not told.
_SCOPES: dict[str, tuple[EventKind, str, str, str]] = {
    "files": ("file", "{name} was changed", "{name} was not seen before", "{name} is gone"),
    "versions": ("engine-change", "{name} has another release", "", ""),
    "starts": ("process-start", "{name} was started again", "", ""),
    "models": ("model", "model {name} was pulled again", "model {name} is new", "model {name} was removed"),
    "settings": ("setting", "setting {name} changed", "setting {name} is new", "setting {name} is gone"),
    "images": ("image", "container {name} runs another image", "", ""),
    "containers": (
        "container-change",
        "container {name} was made anew",
        "container {name} is new",
        "container {name} is gone",
    ),
    "system": ("kernel", "the node's {name} changed", "", ""),
    "drivers": ("package", "the driver of {name} changed", "", ""),
    "network": ("network", "interface {name} changed", "interface {name} is new", "interface {name} is gone"),
}
#: Scopes whose things tell when they began, not only when they were last written.
_TIMED = frozenset({"starts", "settings"})


def take_sight(seen: Seen, node: Ref, at: float) -> Sight:
    """How the node stands, as far as it was looked at: what is Missing is left out, so that it is not told as gone."""
    scopes: dict[str, dict[str, Known]] = dict(_node_scopes(seen, node))
    for engine in seen.subjects("engine"):
        if engine.node == node.name:
            for name, found in _engine_scopes(seen, engine):
                key = name * (name in ("versions", "starts")) or f"{name} {engine}"
                scopes[key] = {**scopes.get(key, {}), **found}
    for service in seen.subjects("service"):
        version = seen.value(service, "service.version")
        if service.node == node.name and isinstance(version, str) and version:
            scopes.setdefault("versions", {})["/".join(service.path)] = Known(value=_safe(version))
    return Sight(at=at, scopes=scopes)


def compare(old: Sight, new: Sight) -> tuple[Event, ...]:
    """What changed between two looks, ordered by time; only what both looked at is compared."""
    events = []
    for key in old.scopes.keys() & new.scopes.keys():
        scope, _, about = key.partition(" ")
        if scope not in _SCOPES:
            continue
        before, after = old.scopes[key], new.scopes[key]
        for name in before.keys() | after.keys():
            event = _difference(scope, about, name, (before.get(name), after.get(name)), (old.at, new.at))
            if event is not None:
                events.append(event)
    return tuple(sorted(events, key=_order))


def _difference(
    scope: str, about: str, name: str, sides: tuple[Known | None, Known | None], looks: tuple[float, float]
) -> Event | None:
    kind, changed, came, went = _SCOPES[scope]
    old, new = sides
    if old is not None and new is not None and old.value == new.value:
        return None
    template = changed
    if old is None:
        template = came
    if new is None:
        template = went
    if not template:
        return None
    at, sure = _instant(new, looks)
    if sure == "last" and scope in _TIMED:
        sure = "exact"
    was, now = _sides(old, new)
    where = f" at {about.partition(':')[2]}" * bool(about)
    return Event(
        at=at,
        kind=kind,
        what=template.format(name=name) + where,
        source=SOURCE,
        sure=sure,
        topic={"drivers": "driver"}.get(scope, ""),
        about=name,
        was=was,
        now=now,
        after=looks[0] * (sure == "between"),
    )


def _instant(new: Known | None, looks: tuple[float, float]) -> tuple[float, Sure]:
    """The thing's own date if it lies between the looks; else some time before the second."""
    if new is not None and looks[0] < new.modified_at <= looks[1]:
        return new.modified_at, "last"
    return looks[1], "between"


def _sides(old: Known | None, new: Known | None) -> tuple[str, str]:
    """Both sides in words: the lines that differ where there are lines, else the values."""
    before, after = old or Known(value=""), new or Known(value="")
    if not before.lines and not after.lines:
        return before.value, after.value
    if old is None or new is None:
        return "", ""
    diff = list(difflib.unified_diff(before.lines, after.lines, n=0, lineterm=""))[2:]
    was = "; ".join(line[1:] for line in diff if line.startswith("-"))
    now = "; ".join(line[1:] for line in diff if line.startswith("+"))
    if not was and not now:
        now = "comments, blanks or a masked value"
    return cut_text(was, SIDE_CHARACTERS), cut_text(now, SIDE_CHARACTERS)


def _node_scopes(seen: Seen, node: Ref) -> Iterator[tuple[str, dict[str, Known]]]:
    files = seen.value(node, "host.files")
    if not isinstance(files, Missing):
        yield "files", {text_of(row, "path"): _file(row) for row in rows_of(files) if text_of(row, "digest")}
    containers = seen.value(node, "host.containers")
    if not isinstance(containers, Missing):
        rows = [row for row in rows_of(containers) if text_of(row, "name")]
        yield "containers", {text_of(row, "name"): Known(value=text_of(row, "id")[:DIGEST_DIGITS]) for row in rows}
        yield "images", {text_of(row, "name"): _image(row) for row in rows}
    system = row_of(seen.value(node, "host.system"))
    told = {name: Known(value=_safe(text_of(system, name))) for name in ("release", "distribution")}
    yield "system", {name: known for name, known in told.items() if known.value}
    drivers = rows_of(seen.value(node, "device.driver"))
    yield (
        "drivers",
        {text_of(row, "vendor"): Known(value=text_of(row, "module")) for row in drivers if row.get("module")},
    )
    interfaces = seen.value(node, "host.interfaces")
    if not isinstance(interfaces, Missing):
        yield "network", {text_of(row, "name"): _interface(row) for row in rows_of(interfaces) if _is_lasting(row)}


def _engine_scopes(seen: Seen, engine: Ref) -> Iterator[tuple[str, dict[str, Known]]]:
    name = "/".join(engine.path)
    version = seen.value(engine, "engine.version")
    if isinstance(version, str) and version:
        yield "versions", {name: Known(value=_safe(version))}
    process = row_of(seen.value(engine, "engine.process"))
    started = find_number(process.get("started_at"))
    if started:
        yield "starts", {name: Known(value=f"pid {text_of(process, 'pid')}", modified_at=started)}
    models = seen.value(engine, "engine.models")
    if not isinstance(models, Missing):
        yield "models", {text_of(row, "name"): _model(row) for row in rows_of(models) if text_of(row, "name")}
    settings = seen.value(engine, "engine.settings")
    if started and not isinstance(settings, Missing):
        lasting = {one: row for one, row in row_of(settings).items() if not one.startswith(CHILD)}
        yield "settings", {one: _setting(row, started) for one, row in lasting.items()}


def _file(row: Mapping[str, Value]) -> Known:
    return Known(
        value=text_of(row, "digest"),
        modified_at=find_number(row.get("modified_at")) or 0.0,
        lines=texts_of(row.get("lines")),
    )


def _image(row: Mapping[str, Value]) -> Known:
    digest = text_of(row, "image_id").removeprefix("sha256:")[:DIGEST_DIGITS]
    return Known(value=_safe(f"{text_of(row, 'image')} {digest}".strip()))


def _model(row: Mapping[str, Value]) -> Known:
    value = text_of(row, "digest").removeprefix("sha256:")[:DIGEST_DIGITS] or text_of(row, "size_bytes")
    return Known(value=value, modified_at=find_number(row.get("modified_at")) or 0.0)


def _setting(value: Value, started: float) -> Known:
    """A setting comes into force when the process is started."""
    return Known(value=cut_text(_safe(text_of(row_of(value), "value")), SIDE_CHARACTERS), modified_at=started)


def _interface(row: Mapping[str, Value]) -> Known:
    words = [text_of(row, "state"), *sorted(texts_of(row.get("addresses")))]
    if text_of(row, "mtu"):
        words.append(f"MTU {text_of(row, 'mtu')}")
    if text_of(row, "mbit_per_s"):
        words.append(f"{text_of(row, 'mbit_per_s')} Mbit/s")
    return Known(value=", ".join(word for word in words if word))


def _is_lasting(row: Mapping[str, Value]) -> bool:
    """False for the ends of containers' networks, which come and go with them."""
    return bool(text_of(row, "name")) and not text_of(row, "name").startswith("veth")


def _safe(text: str) -> str:
    return escape_controls(mask_text(text))


def _order(event: Event) -> tuple[float, str, str]:
    return event.at, event.kind, event.about
