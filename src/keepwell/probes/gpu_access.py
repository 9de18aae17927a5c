"""Whether an engine's process may open the device nodes: by mode and groups, in its own container, by its cgroup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.formats.device_nodes import (
    CAP_DAC_OVERRIDE,
    WHOLE_MAP,
    DeviceRule,
    Opener,
    may_open,
    parse_device_rules,
    parse_group_names,
    rules_allow,
)
from keepwell.formats.number import find_whole
from keepwell.formats.procfs import parse_cgroups, parse_status
from keepwell.plugins.bus import known_devices, load_plugins
from keepwell.plugins.device import NodeRule
from keepwell.plugins.place import Place, ServingProcess
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Stat, Transport

#: Where version 1 keeps device rules; version 2 has them as a program in the kernel that nobody can read.
RULES_V1 = "/sys/fs/cgroup/devices"


class GpuAccess:
    """Gives device.access about an engine that runs."""

    level = 2
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.02
    gives: tuple[str, ...] = ("device.access",)
    needs: tuple[str, ...] = ("device.list",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation, by stat alone; nothing is opened."""
        assert place.site is not None
        process = place.site.process
        if isinstance(process, Missing):
            return [place.saw("device.access", process, "discovery")]
        source = f"/proc/{process.pid}/status, /dev"
        try:
            here = await known_devices(place)
            who, groups = await _opener(process, place.transport)
        except AccessError as error:
            return [place.saw("device.access", failed(error), source)]
        plugins = load_plugins()
        rules = [
            (plugins[name].title, rule)
            for name, devices in here.items()
            for rule in plugins[name].nodes
            if rule.required and any(one.kind in rule.kinds for one in devices)
        ]
        if not rules:
            return [place.saw("device.access", absent("no device here needs a node under /dev"), source)]
        look = _Look(process.pid, who, await _root(process.pid, place.transport), place.transport)
        await look.read_rules()
        nodes: list[Value] = []
        for vendor, rule in rules:
            nodes += await look.judge_nodes(vendor, rule)
        value: Value = {"uid": process.uid, "user": process.user, "groups": groups, "nodes": tuple(nodes)}
        return [place.saw("device.access", value, source)]


class _Look:
    """One process's view of the device nodes: its root folder, its rights, and its cgroup's rules."""

    def __init__(self, pid: int, who: Opener, root: str, transport: Transport) -> None:
        self._pid = pid
        self._who = who
        self._root = root
        self._transport = transport
        self._rules: tuple[DeviceRule, ...] | None = None
        self._groups: dict[int, str] = {}

    async def read_rules(self) -> None:
        """Device rules (None where they cannot be read) and names of groups."""
        groups = parse_cgroups(await _text(f"/proc/{self._pid}/cgroup", self._transport))
        if "devices" in groups:
            text = await _text(f"{RULES_V1}{groups['devices'].rstrip('/')}/devices.list", self._transport)
            self._rules = parse_device_rules(text) or None
        self._groups = parse_group_names(await _text("/etc/group", self._transport))

    async def judge_nodes(self, vendor: str, rule: NodeRule) -> list[Value]:
        """A row for each node of this rule; one for the rule itself when the process's own /dev has none."""
        pattern = re.compile(rule.pattern)
        outside = await _names(rule.folder, pattern, self._transport)
        inside = await _names(f"{self._root}{rule.folder}", pattern, self._transport)
        rows: list[Value] = []
        for name in inside:
            found = await _stat(f"{self._root}{rule.folder}/{name}", self._transport)
            if found is not None:
                rows.append(self._judge(f"{rule.folder}/{name}", vendor, found))
        if not inside and outside and self._root:
            row: Value = {
                "path": rule.example,
                "vendor": vendor,
                "accessible": False,
                "reason": "not-in-container",
                "mode": 0,
                "group": "",
            }
            rows.append(row)
        return rows

    def _judge(self, path: str, vendor: str, found: Stat) -> Value:
        major, _, minor = found.device.partition(":")
        reason = ""
        if not may_open(found.mode, found.uid, found.gid, self._who):
            reason = "mode"
        elif self._rules is not None and not rules_allow(self._rules, major, minor):
            reason = "rule"
        return {
            "path": path,
            "vendor": vendor,
            "accessible": not reason,
            "reason": reason,
            "mode": found.mode,
            "group": self._groups.get(found.gid, str(found.gid)),
        }


async def _opener(process: ServingProcess, transport: Transport) -> tuple[Opener, tuple[int, ...]]:
    """Rights of a process. Capabilities count only in the first user namespace. Raises AccessError."""
    status = parse_status((await transport.read(f"/proc/{process.pid}/status")).decode("utf-8", "replace"))
    numbers = (find_whole(word) for word in status.get("Groups", "").split())
    groups = tuple(number for number in numbers if number is not None)
    whole = tuple((await _text(f"/proc/{process.pid}/uid_map", transport)).split()) in ((), WHOLE_MAP)
    capabilities = status.get("CapEff", "0")
    override = bool(re.fullmatch(r"[0-9a-fA-F]{1,16}", capabilities)) and bool(int(capabilities, 16) & CAP_DAC_OVERRIDE)
    who = Opener(uid=process.uid, groups=frozenset((process.gid, *groups)), privileged=override and whole)
    return who, groups


async def _root(pid: int, transport: Transport) -> str:
    """The folder under which the process's own /dev lies: "" when it shares ours, or when that cannot be told."""
    try:
        own, theirs = await transport.link("/proc/self/ns/mnt"), await transport.link(f"/proc/{pid}/ns/mnt")
    except AccessError:
        return ""
    if own == theirs or await _stat(f"/proc/{pid}/root/dev", transport) is None:
        return ""
    return f"/proc/{pid}/root"


async def _names(folder: str, pattern: re.Pattern[str], transport: Transport) -> list[str]:
    try:
        return [name for name in await transport.list(folder) if pattern.fullmatch(name)]
    except AccessError:
        return []


async def _stat(path: str, transport: Transport) -> Stat | None:
    try:
        return await transport.stat(path)
    except AccessError:
        return None


async def _text(path: str, transport: Transport) -> str:
    try:
        return (await transport.read(path)).decode("utf-8", "replace")
    except AccessError:
        return ""


PROBE = GpuAccess()
