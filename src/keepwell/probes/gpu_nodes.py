"""Device nodes that computing on the GPUs here needs: which are there, whose they are, whether the numbers fit."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, absent, failed
from keepwell.formats.device_nodes import parse_group_names, parse_majors
from keepwell.plugins.bus import known_devices, load_plugins
from keepwell.plugins.device import BusDevice, Device, NodeRule
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Stat, Transport

#: Most nodes of one rule: 16 GPUs in a server, and then some.
NODES_MAX = 64


class GpuNodes:
    """Gives device.nodes: a row for every node that is there, and one (`there` false) for a rule without any."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.02
    gives: tuple[str, ...] = ("device.nodes",)
    needs: tuple[str, ...] = ("device.list",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation, by stat alone: opening a node could wake its device."""
        source = "/dev, /proc/devices"
        try:
            here = await known_devices(place)
        except AccessError as error:
            return [place.saw("device.nodes", failed(error), source)]
        plugins = load_plugins()
        rules = [(plugins[name], rule) for name, devices in here.items() for rule in _rules(plugins[name], devices)]
        if not rules:
            return [place.saw("device.nodes", absent("no device here needs a node under /dev"), source)]
        majors = parse_majors(await _text("/proc/devices", place.transport))
        groups = parse_group_names(await _text("/etc/group", place.transport))
        rows: list[Value] = []
        for plugin, rule in rules:
            addresses = {one.pci for devices in here.values() for one in devices if one.vendor == plugin.title}
            rows += await _look_for(plugin.title, rule, addresses, _Numbers(majors, groups), place.transport)
        return [place.saw("device.nodes", tuple(rows), source)]


class _Numbers:
    """Names of the node's numbers: major numbers by driver, and groups by number."""

    __slots__ = ("groups", "majors")

    def __init__(self, majors: Mapping[str, int], groups: Mapping[int, str]) -> None:
        self.majors = majors
        self.groups = groups

    def wished_major(self, rule: NodeRule) -> str:
        """The major number that the kernel gives this rule's driver now; "" if it is not told."""
        found = [str(self.majors[name]) for name in rule.drivers if name in self.majors]
        return "".join(found[:1])


def _rules(plugin: Device, devices: tuple[BusDevice, ...]) -> list[NodeRule]:
    kinds = {one.kind for one in devices}
    return [rule for rule in plugin.nodes if kinds.intersection(rule.kinds)]


async def _look_for(
    vendor: str, rule: NodeRule, addresses: set[str], numbers: _Numbers, transport: Transport
) -> list[Value]:
    wanted = re.compile(rule.pattern)
    try:
        names = [name for name in await transport.list(rule.folder) if wanted.fullmatch(name)][:NODES_MAX]
    except AccessError:
        names = []
    rows: list[Value] = []
    for name in names:
        path = f"{rule.folder}/{name}"
        pci = await _device_behind(path, transport)
        if pci and pci not in addresses:
            continue
        try:
            found = await transport.stat(path)
        except AccessError:
            continue
        rows.append(render_node(path, vendor, rule, found, numbers) | {"pci": pci})
    if not rows:
        rows.append({"path": rule.example, "vendor": vendor, "there": False, "required": rule.required, "pci": ""})
    return rows


def render_node(path: str, vendor: str, rule: NodeRule, found: Stat, numbers: _Numbers) -> dict[str, Value]:
    """A row of device.nodes for a node that is there."""
    major, _, minor = found.device.partition(":")
    return {
        "path": path,
        "vendor": vendor,
        "there": True,
        "required": rule.required,
        "mode": found.mode,
        "uid": found.uid,
        "gid": found.gid,
        "group": numbers.groups.get(found.gid, str(found.gid)),
        "major": major,
        "minor": minor,
        "major_wished": numbers.wished_major(rule),
    }


async def _device_behind(path: str, transport: Transport) -> str:
    """The PCI address behind a DRM node, "" for any other."""
    try:
        return posixpath.basename(await transport.link(f"/sys/class/drm/{posixpath.basename(path)}/device"))
    except AccessError:
        return ""


async def _text(path: str, transport: Transport) -> str:
    try:
        return (await transport.read(path)).decode("utf-8", "replace")
    except AccessError:
        return ""


PROBE = GpuNodes()
