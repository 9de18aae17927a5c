"""What changed on the node: boot, suspend, reload of the service manager, packages of interest, starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, failed
from keepwell.core.text import escape_controls
from keepwell.core.values import find_number, rows_of, text_of, texts_of
from keepwell.formats.kernel_log import parse_kernel_ring
from keepwell.formats.local_time import LocalTime, parse_offset, parse_zone
from keepwell.formats.packages import PackageChange, parse_dnf_log, parse_dpkg_log, parse_pacman_log
from keepwell.formats.procfs import parse_boot_time
from keepwell.formats.timeline import JournalEvent, kernel_event, parse_events
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.recognise import engine_of_command, engine_of_name, load_engines
from keepwell.plugins.topics import topic_of_package
from keepwell.transport.base import Transport

#: The newest words of the service manager and of sleep in this boot; a day has some thousand.
JOURNAL = (
    "journalctl",
    "-b",
    "--no-pager",
    "-o",
    "short-unix",
    "-n",
    "5000",
    "_PID=1",
    "+",
    "SYSLOG_IDENTIFIER=systemd-sleep",
)
#: The node's rules of local time; the longest are some kilobytes.
ZONE_FILE = "/etc/localtime"
ZONE_BYTES = 64 * 1024
#: A journal of gigabytes on a slow disk takes longer; then the rest is still told.
JOURNAL_SECONDS = 3.0
#: Bytes of a package log that are read, from its end: some thousand changes.
LOG_BYTES = 1024 * 1024
#: Package changes older than this are history.
PACKAGE_SECONDS = 30 * 86_400.0
#: Most events that are kept, the newest.
EVENTS_MAX = 300
#: What can leave a running engine with something old; the rest of the journal's events stand in host.history.
KINDS = frozenset({"suspend", "resume", "reload", "unit-start"})


class HostTimeline:
    """Gives host.timeline, oldest first. Where there is no journal, suspends come from the kernel's buffer."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.2
    gives: tuple[str, ...] = ("host.timeline",)
    needs: tuple[str, ...] = ("host.processes", "host.containers")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; failed only where not even the boot can be told."""
        source = "/proc/stat, journalctl, package logs, processes and containers"
        try:
            booted_at = parse_boot_time((await place.transport.read("/proc/stat")).decode("ascii", "replace"))
        except (AccessError, ValueError) as error:
            return [place.saw("host.timeline", failed(str(error)), source)]
        rows: list[Mapping[str, Value]] = [{"at": booted_at, "kind": "boot", "what": "the machine was started"}]
        rows += _render_events(await _read_events(booted_at, place.transport))
        oldest = place.clock.now() - PACKAGE_SECONDS
        rows += [row for one in await _read_packages(place.transport) for row in _render_package(one, oldest)]
        rows += _containers(place) + _processes(place)
        rows.sort(key=_moment)
        return [place.saw("host.timeline", tuple(rows[-EVENTS_MAX:]), source)]


def _render_events(events: Iterable[JournalEvent]) -> list[Mapping[str, Value]]:
    engines = load_engines()
    rows: list[Mapping[str, Value]] = []
    for one in events:
        if one.kind not in KINDS:
            continue
        row: dict[str, Value] = {"at": one.at, "kind": one.kind, "what": escape_controls(one.what)}
        if one.kind == "unit-start":
            if not engine_of_name(one.unit, engines) and not topic_of_package(one.unit):
                continue
            row["unit"] = escape_controls(one.unit)
        rows.append(row)
    return rows


def _render_package(change: PackageChange, oldest: float) -> Iterable[Mapping[str, Value]]:
    topic = topic_of_package(change.package)
    if topic and change.at >= oldest:
        what = f"{change.package} was {change.action}"
        yield {"at": change.at, "kind": "package", "what": what, "topic": topic, "version": change.version}


def _containers(place: Place) -> list[Mapping[str, Value]]:
    rows: list[Mapping[str, Value]] = []
    for row in rows_of(place.seen.value(place.node, "host.containers")):
        try:
            at = datetime.fromisoformat(text_of(row, "started_at")).timestamp()
        except ValueError:
            continue
        if at > 0:
            name = text_of(row, "name")
            rows.append({"at": at, "kind": "container-start", "what": f"container {name} was started", "unit": name})
    return rows


def _processes(place: Place) -> list[Mapping[str, Value]]:
    engines = load_engines()
    rows: list[Mapping[str, Value]] = []
    for row in rows_of(place.seen.value(place.node, "host.processes")):
        at, pid = find_number(row.get("started_at")), find_number(row.get("pid"))
        name = engine_of_command(texts_of(row.get("argv")), engines)
        if name and at is not None and pid is not None:
            what = f"{engines[name].title} was started (pid {pid:.0f})"
            rows.append({"at": at, "kind": "process-start", "what": what, "topic": "engine", "pid": int(pid)})
    return rows


async def _read_events(booted_at: float, transport: Transport) -> tuple[JournalEvent, ...]:
    try:
        events = parse_events((await transport.run(JOURNAL, timeout_seconds=JOURNAL_SECONDS)).text)
    except AccessError:
        events = ()
    if events:
        return events
    try:
        lines = parse_kernel_ring((await transport.run(("dmesg",))).text, booted_at)
    except AccessError:
        return ()
    found = (kernel_event(at, text) for at, text in lines)
    return tuple(one for one in found if one is not None)


async def _read_packages(transport: Transport) -> tuple[PackageChange, ...]:
    dpkg = await _tail("/var/log/dpkg.log", transport)
    found: tuple[PackageChange, ...] = ()
    if dpkg:
        found = parse_dpkg_log(dpkg, await _local_time(transport))
    found += parse_pacman_log(await _tail("/var/log/pacman.log", transport))
    return found + parse_dnf_log(await _tail("/var/log/dnf.rpm.log", transport))


async def _tail(path: str, transport: Transport) -> str:
    try:
        size = (await transport.stat(path)).size_bytes
        content = await transport.read(path, offset=max(0, size - LOG_BYTES), max_bytes=LOG_BYTES)
    except AccessError:
        return ""
    return content.decode("utf-8", "replace")


async def _local_time(transport: Transport) -> LocalTime:
    """By the node's own rules of summer time; else as far ahead of UTC as it is now (`+0200`)."""
    try:
        return LocalTime(parse_zone(await transport.read(ZONE_FILE, max_bytes=ZONE_BYTES)))
    except (AccessError, ValueError):
        pass
    try:
        return LocalTime(parse_offset((await transport.run(("date", "+%z"))).text), certain=False)
    except (AccessError, ValueError):
        return LocalTime(UTC, certain=False)


def _moment(row: Mapping[str, Value]) -> float:
    return find_number(row["at"]) or 0.0


PROBE = HostTimeline()
