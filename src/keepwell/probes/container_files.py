"""Where containers are defined, and what those files say of GPUs: compose files, daemon.json, Quadlets, LXC, CDI."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent
from keepwell.core.text import cut_text, escape_controls
from keepwell.core.values import rows_of, text_of, texts_of
from keepwell.formats.yaml_places import BadYaml
from keepwell.plugins.container_gpu.compose import parse_services
from keepwell.plugins.container_gpu.daemon import FILE
from keepwell.plugins.container_gpu.effect import PROXMOX_RELEASE
from keepwell.plugins.container_gpu.gather import (
    DEV,
    DRI,
    GRAPHICS,
    MAJORS,
    SPECIFICATIONS,
    Sight,
    find_nodes,
    is_graphics,
    make_ground,
    parse_release,
    parse_vendor,
)
from keepwell.plugins.container_gpu.ground import CannotAsk, FileKind, Ground, Mistake
from keepwell.plugins.container_gpu.lint import find_mistakes, parse_text
from keepwell.plugins.container_gpu.seen import row_of_ground
from keepwell.plugins.container_gpu.told import find_devices
from keepwell.plugins.device_sharing import load_makers
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Stat, Transport

NAME = "host.container_files"
#: Files that are read: a homelab has a dozen projects; each file costs about 5 ms.
FILES = 64
#: Bytes of one: compose files of whole stacks have some ten kilobytes, specifications of eight GPUs a hundred.
FILE_BYTES = 512 * 1024
#: Paths of one specification that are looked for; NVIDIA's tool names about sixty.
SPECIFIED_PATHS = 256
#: Characters of what is said of one mistake: it holds words of the file.
SAID = 300
QUADLETS, PROXMOX, LXC = "/etc/containers/systemd", "/etc/pve/lxc", "/var/lib/lxc"
_HOST_PATH = re.compile(r"\"?(?:hostPath)\"?\s*:\s*[\"']?(/[^\"'\s,}]+)")


@dataclass(frozen=True, slots=True)
class Defined:
    """One file and what it is; `containers` are those that were made of it."""

    kind: FileKind
    path: str
    containers: tuple[Mapping[str, Value], ...] = ()


class ContainerFiles:
    """Gives host.container_files; absent where there is no such file."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = (NAME,)
    needs: tuple[str, ...] = ("host.containers",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation."""
        source = "compose files, daemon.json, Quadlets, LXC's files, /etc/cdi"
        defined = await _find_defined(place)
        specified = await _find_specifications(place.transport)
        if not defined and not specified:
            return [place.saw(NAME, absent("no file that defines containers"), source)]
        ground = await _look_at_ground(place.transport, specified, defined)
        rows: list[Value] = []
        for one in defined:
            rows += await _look_at_file(one, ground, place.transport)
        rows += [await _look_at_specification(path, text, place.transport) for path, text in specified.items()]
        return [place.saw(NAME, {"ground": row_of_ground(ground), "files": tuple(rows)}, source)]


async def _find_defined(place: Place) -> list[Defined]:
    containers = place.seen.value(place.node, "host.containers")
    by_file: dict[str, list[Mapping[str, Value]]] = {}
    if not isinstance(containers, Missing):
        for row in rows_of(containers):
            for path in texts_of(row.get("compose_files")):
                by_file.setdefault(path, []).append(row)
    found = [Defined("compose", path, tuple(rows)) for path, rows in by_file.items() if path.startswith("/")]
    folders = await asyncio.gather(*(_list(one, place.transport) for one in (QUADLETS, PROXMOX, LXC)))
    quadlets, numbered, named = folders
    there = await _read(FILE, place.transport)
    found += [Defined("docker", FILE)] * (there is not None)
    found += [Defined("podman", f"{QUADLETS}/{name}") for name in quadlets if name.endswith(".container")]
    found += [Defined("lxc", f"{PROXMOX}/{name}") for name in numbered if name.endswith(".conf")]
    found += [Defined("lxc", f"{LXC}/{name}/config") for name in named]
    return found[:FILES]


async def _find_specifications(transport: Transport) -> dict[str, str]:
    """Texts of specifications by path."""
    found: dict[str, str] = {}
    for folder in SPECIFICATIONS:
        for name in await _list(folder, transport):
            content = await _read(f"{folder}/{name}", transport)
            if content is not None and name.endswith((".yaml", ".json")):
                found[f"{folder}/{name}"] = content.decode("utf-8", "replace")
    return found


async def _look_at_ground(transport: Transport, specified: Mapping[str, str], defined: Iterable[Defined]) -> Ground:
    dev, dri, graphics = await asyncio.gather(*(_list(one, transport) for one in (DEV, DRI, GRAPHICS)))
    nodes = [path for one in load_makers().values() for path in find_nodes(one, dev, dri)]
    vendors = [await _read(f"{GRAPHICS}/{name}/device/vendor", transport) for name in graphics if is_graphics(name)]
    majors, daemon = await _read(MAJORS, transport) or b"", await _read(FILE, transport) or b""
    release = ""
    if any(one.path.startswith(PROXMOX) for one in defined):
        release = await _release(transport)
    sight = Sight(
        dev=dev,
        dri=dri,
        vendors=tuple(parse_vendor(one.decode("ascii", "replace")) for one in vendors if one is not None),
        stats={path: stat for path in nodes if (stat := await _stat(path, transport)) is not None},
        majors=majors.decode("utf-8", "replace"),
        daemon=daemon.decode("utf-8", "replace"),
        specifications=specified,
        release=release,
    )
    return make_ground(sight)


async def _look_at_file(one: Defined, ground: Ground, transport: Transport) -> list[Value]:
    """A row for the file and one for each service that asks for a GPU, gets it wrong, or runs."""
    content = await _read(one.path, transport)
    if content is None:
        return []
    try:
        text = parse_text(content)
    except CannotAsk as error:
        return [_row(one, "", (Mistake(kind="syntax", line=1, words=str(error)),), asks=False)]
    mistakes = find_mistakes(one.kind, one.path, text, ground)
    rows: list[Value] = []
    for service in dict.fromkeys(["", *_services(one.kind, text), *(each.service for each in mistakes)]):
        mine = tuple(each for each in mistakes if each.service == service)
        asks = _asks(one.kind, service, text, ground)
        if mine or asks or not service:
            rows.append(_row(one, service, mine, asks=asks))
    return rows


def _services(kind: FileKind, text: str) -> list[str]:
    try:
        return [one.name for one in parse_services(text)] * (kind == "compose")
    except BadYaml:
        return []


def _asks(kind: FileKind, service: str, text: str, ground: Ground) -> bool:
    """Whether this asks for a device of a maker that the node has."""
    try:
        return any(find_devices(kind, service, text, one, ground) is not None for one in ground.makers)
    except (BadYaml, CannotAsk):
        return False


def _row(one: Defined, service: str, mistakes: Iterable[Mistake], *, asks: bool) -> Mapping[str, Value]:
    made = [row for row in one.containers if text_of(row, "compose_service") == service]
    found: dict[str, Value] = {
        "path": one.path,
        "kind": one.kind,
        "service": service,
        "asks": asks,
        "running": any(text_of(row, "state") == "running" for row in made),
        "containers": tuple(text_of(row, "name") for row in made),
        "mistakes": tuple(_mistake_row(each) for each in mistakes),
    }
    for row in made[:1]:
        found["project"] = text_of(row, "compose_project")
        found["project_files"] = texts_of(row.get("compose_files"))
        found["project_settings"] = texts_of(row.get("compose_settings"))
    return found


def _mistake_row(one: Mistake) -> Mapping[str, Value]:
    words = cut_text(escape_controls(one.words), SAID)
    return {"kind": one.kind, "line": one.line, "words": words, "weight": one.weight, "mendable": bool(one.mended)}


async def _look_at_specification(path: str, text: str, transport: Transport) -> Mapping[str, Value]:
    """A specification that names files which are not there was made for another release of the driver."""
    paths = list(dict.fromkeys(_HOST_PATH.findall(text)))[:SPECIFIED_PATHS]
    gone = [one for one in paths if await _stat(one, transport) is None]
    mistakes: list[Mistake] = []
    if gone:
        line = text[: text.index(gone[0])].count("\n") + 1
        words = f"{len(gone)} of {len(paths)} files that it names are not there, like {gone[0]}: a container that asks"
        words += " for its devices does not start; make it anew for the driver that is installed"
        mistakes.append(Mistake(kind="stale", line=line, words=words))
    return {"path": path, "kind": "cdi", "service": "", "asks": False, "mistakes": tuple(map(_mistake_row, mistakes))}


async def _release(transport: Transport) -> str:
    try:
        return parse_release((await transport.run(PROXMOX_RELEASE)).text)
    except AccessError:
        return ""


async def _read(path: str, transport: Transport) -> bytes | None:
    """The whole file; None where there is none, it cannot be read, or it is too large to be one."""
    try:
        content = await transport.read(path, max_bytes=FILE_BYTES + 1)
    except AccessError:
        return None
    if len(content) > FILE_BYTES:
        return None
    return content


async def _list(folder: str, transport: Transport) -> tuple[str, ...]:
    try:
        return await transport.list(folder)
    except AccessError:
        return ()


async def _stat(path: str, transport: Transport) -> Stat | None:
    try:
        return await transport.stat(path)
    except AccessError:
        return None


PROBE = ContainerFiles()
