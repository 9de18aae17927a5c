"""Definitions in words: what one asks for now, what one was changed in, which engine runs in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from keepwell.core.ref import Ref
from keepwell.core.secret import mask_text
from keepwell.formats.container_run import parse_port
from keepwell.formats.yaml_places import BadYaml
from keepwell.plugins.container_gpu.compose import RESERVED, Composed, asks, get_service, is_reservation, source_of
from keepwell.plugins.container_gpu.daemon import find_program
from keepwell.plugins.container_gpu.ground import ALL, Asked, CannotAsk, FileKind, Ground
from keepwell.plugins.container_gpu.quadlet import DEVICE, is_of, parse_quadlet
from keepwell.plugins.container_gpu.rules import engine_of
from keepwell.plugins.container_gpu.system_container import DEVICE_KEY, find_mount, nodes_of, parse_container, path_of
from keepwell.plugins.device_sharing import Maker
from keepwell.plugins.recognise import load_engines

NOTHING = "asks for no GPU"


def describe(kind: FileKind, service: str, text: str, maker: Maker, ground: Ground) -> str:
    """What the definition asks for of this maker."""
    try:
        found = tuple(_find_words(kind, service, text, maker, ground))
    except (BadYaml, CannotAsk) as error:
        return f"cannot be read: {error}"
    return "; ".join(found) or NOTHING


def wish_in_words(kind: FileKind, asked: Asked) -> str:
    """What is wished, in words."""
    if kind == "docker" and not asked.maker.sharing.runtime:
        return f"{asked.maker.title} needs no run-time of its own"
    if kind == "docker":
        return f"knows the run-time of {asked.maker.title}"
    if not asked.devices:
        return f"asks for all devices of {asked.maker.title}"
    return f"asks for the devices {', '.join(asked.devices)} of {asked.maker.title}"


def find_devices(kind: FileKind, service: str, text: str, maker: Maker, ground: Ground) -> tuple[str, ...] | None:
    """The devices that the definition asks for, (all,) for all of them; None for none. BadYaml and CannotAsk."""
    words = tuple(_find_words(kind, service, text, maker, ground))
    if not words:
        return None
    chosen: tuple[str, ...] = ()
    if kind == "compose":
        chosen = tuple(_find_chosen(get_service(text, service), maker))
    if kind == "podman":
        named = (one.value.partition("=") for one in parse_quadlet(text) if one.key == DEVICE)
        chosen = tuple(device for name, _, device in named if name == maker.sharing.kind and device != ALL)
    if kind == "lxc":
        numbered = {node for node in nodes_of(Asked(maker=maker), ground) if node[-1:].isdecimal()}
        chosen = tuple(sorted(numbered & set(words))) * (not numbered <= set(words))
    return chosen or (ALL,)


def _find_chosen(service: Composed, maker: Maker) -> Iterator[str]:
    """Devices that a service names one by one, in whichever way."""
    reserved = [one for one in service.entries(*RESERVED) if is_reservation(one, maker)]
    for one in (*reserved, *service.entries("gpus")):  # the short form needs no capabilities
        if isinstance(one, dict):
            yield from map(str, one.get("device_ids") or ())
    prefix = f"{maker.sharing.kind}="
    for source in map(source_of, service.entries("devices")):
        if source.startswith(prefix) and source != prefix + ALL:
            yield source.removeprefix(prefix)
        if any(source.startswith(f"{node}/") for node in maker.sharing.nodes):
            yield source


def changed_lines(before: str, after: str) -> tuple[str, str]:
    """The lines that went and those that came, secrets masked."""
    old, new = before.splitlines(), after.splitlines()
    marks = [line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ")]
    gone = [mask_text(line[2:]) for line in marks if line.startswith("- ")]
    come = [mask_text(line[2:]) for line in marks if line.startswith("+ ")]
    return "\n".join(gone), "\n".join(come)


def find_engine(kind: FileKind, service: str, text: str, node: str) -> Ref | None:
    """The engine that a compose service or a Quadlet runs, as it is named on its node; None where none is reached."""
    try:
        if kind == "compose":
            one = get_service(text, service)
            return _engine_ref(node, engine_of(one), _ports(one), one.get("network_mode") == "host")
        if kind == "podman":
            entries = parse_quadlet(text)
            image = "".join([each.value for each in entries if each.key == "Image"][-1:])
            published = [each.value for each in entries if each.key == "PublishPort"]
            own = any(each.key == "Network" and each.value == "host" for each in entries)
            return _engine_ref(node, engine_of(Composed(text, service, {"image": image})), published, own)
    except (BadYaml, CannotAsk):
        return None
    return None


def _engine_ref(node: str, name: str, published: Iterable[str], own_network: bool) -> Ref | None:
    """`engine:NODE/NAME` on its usual port, with the port elsewhere."""
    engine = load_engines().get(name)
    if engine is None or not engine.ports:
        return None
    usual = engine.ports[0]
    if own_network:
        return Ref("engine", (node, name))
    for port in map(parse_port, published):
        if port is not None and port[2] in engine.ports:
            return Ref("engine", (node, name + f":{port[1]}" * (port[1] != usual)))
    return None


def _ports(service: Composed) -> list[str]:
    found = []
    for one in service.entries("ports"):
        if isinstance(one, dict):
            found.append(f"{one.get('published', '')}:{one.get('target', '')}")
        else:
            found.append(str(one))
    return found


def _find_words(kind: FileKind, service: str, text: str, maker: Maker, ground: Ground) -> Iterable[str]:
    if kind == "compose":
        return asks(get_service(text, service), maker)
    if kind == "docker":
        program = find_program(text, maker.sharing.runtime)
        return [f"knows the run-time {maker.sharing.runtime}: {program}"] * bool(program)
    if kind == "podman":
        entries = [one for one in parse_quadlet(text) if one.key == DEVICE]
        return [f"{DEVICE}={one.value}" for one in entries if is_of(one.value, maker)]
    lines, mine = parse_container(text), nodes_of(Asked(maker=maker), ground)
    keyed = {path_of(one) for one in lines if DEVICE_KEY.match(one.key)}
    return [node for node in mine if node in keyed or find_mount(lines, node) is not None]
