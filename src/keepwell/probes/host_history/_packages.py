"""What package managers changed, rotated logs included: each package that matters, the others counted together."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TypeAlias

from keepwell.core.errors import AccessError
from keepwell.core.event import Event
from keepwell.core.secret import mask_text
from keepwell.formats.apt_history import AptRun, parse_apt_history
from keepwell.formats.local_time import LocalTime, parse_offset, parse_zone
from keepwell.formats.packages import (
    RPM_TIMES,
    PackageChange,
    parse_dnf_log,
    parse_dpkg_log,
    parse_pacman_log,
    parse_rpm_times,
    parse_zypper_log,
)
from keepwell.plugins.place import Place
from keepwell.plugins.topics import topic_of_package
from keepwell.probes.host_history._read import Read, not_read, oldest_wanted, was_read
from keepwell.transport.base import Transport

#: The node's rules of local time; the longest are some kilobytes.
ZONE_FILE, ZONE_BYTES = "/etc/localtime", 64 * 1024
#: Bytes of one log that are read, from its end, and that one packed log may become.
LOG_BYTES, UNPACKED_BYTES = 4 * 1024 * 1024, 16 * 1024 * 1024
#: Rotated logs read besides the current one.
ROTATED = 3
#: Where an rpm system keeps its database, old and new.
RPM_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
RPM_SECONDS = 5.0
#: Changes of packages that do not matter by themselves, so near to each other, are told as one.
GROUP_SECONDS = 120.0
#: Names told of such a group, and characters of the command that asked for it.
NAMES, COMMAND_CHARACTERS = 3, 80
Parse: TypeAlias = Callable[[str, LocalTime], tuple[PackageChange, ...]]

APT_HISTORY = "/var/log/apt/history.log"


async def read_packages(place: Place) -> list[Read]:
    """One result for each log that there is; the database of an rpm system only where no log tells more."""
    zone = await _read_zone(place.transport)
    runs, apt = await _read_apt(place, zone)
    reads = [apt]
    for path, parse in _PARSERS.items():
        one = await _read_log(place, path, parse, zone, runs)
        reads.append(one)
    if not any(one.state == "read" for one in reads) and await _has_rpm(place.transport):
        reads.append(await _read_rpm(place))
    return reads


def package_events(changes: Sequence[PackageChange], runs: Sequence[AptRun], source: str) -> Iterator[Event]:
    """An event for each package that matters, and one for each group of others, with the command that asked."""
    rest: list[PackageChange] = []
    for one in changes:
        topic = topic_of_package(one.package)
        if not topic:
            rest.append(one)
            continue
        yield _single(one, topic, _run_of(one, runs), source)
    for group in _groups(rest):
        yield _grouped(group, _run_of(group[0], runs), source)


def _single(one: PackageChange, topic: str, run: AptRun | None, source: str) -> Event:
    versions = f" {one.before} -> {one.version}" * bool(one.before) or f" {one.version}"
    return Event(
        at=one.at,
        kind="package",
        what=f"{one.package} was {one.action}{versions}{_by(run)}",
        source=source,
        sure=one.sure,
        topic=topic,
        about=one.package,
        was=one.before,
        now=one.version,
    )


def _grouped(group: Sequence[PackageChange], run: AptRun | None, source: str) -> Event:
    names = list(dict.fromkeys(one.package for one in group))
    asked = [name for name in names if run is not None and name in run.asked]
    shown = [*asked, *(name for name in names if name not in asked)][:NAMES]
    more = f" and {len(names) - len(shown)} more" * (len(names) > len(shown))
    actions = " or ".join(dict.fromkeys(one.action for one in group))
    return Event(
        at=group[0].at,
        kind="package",
        what=f"{', '.join(shown)}{more} {_WERE[len(names) > 1]} {actions}{_by(run)}",
        source=source,
        sure=group[0].sure,
        about=shown[0],
    )


_WERE = {True: "were", False: "was"}


def _by(run: AptRun | None) -> str:
    if run is None or not run.command:
        return ""
    asked = f" for {run.user}" * bool(run.user)
    return f" by {mask_text(run.command)[:COMMAND_CHARACTERS]}{asked}"


def _groups(changes: Iterable[PackageChange]) -> Iterator[list[PackageChange]]:
    group: list[PackageChange] = []
    for one in changes:
        if group and abs(one.at - group[-1].at) > GROUP_SECONDS:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _run_of(one: PackageChange, runs: Sequence[AptRun]) -> AptRun | None:
    """The run of apt within which this was changed; its own times are whole seconds."""
    return next((run for run in runs if run.at - 1 <= one.at <= run.until + 1), None)


async def _read_apt(place: Place, zone: tuple[tzinfo, bool]) -> tuple[list[AptRun], Read]:
    """The runs of apt, and that its log was read; the events stand with dpkg's."""
    try:
        text = await _read_rotated(APT_HISTORY, place)
    except AccessError as error:
        return [], not_read(APT_HISTORY, error)
    runs = [run for part in text for run in parse_apt_history(part, LocalTime(zone[0], certain=zone[1]))]
    return runs, was_read(APT_HISTORY, ())


async def _read_log(place: Place, path: str, parse: Parse, zone: tuple[tzinfo, bool], runs: Sequence[AptRun]) -> Read:
    try:
        parts = await _read_rotated(path, place)
    except AccessError as error:
        return not_read(path, error)
    local = LocalTime(zone[0], certain=zone[1])
    oldest = oldest_wanted(place)
    changes = [one for part in parts for one in parse(part, local) if one.at >= oldest]
    return was_read(path, package_events(changes, runs, path))


async def _read_rotated(path: str, place: Place) -> list[str]:
    """The log and the rotated ones that are young enough, oldest first. Raises AccessError for the log itself."""
    parts = [await _tail(path, place.transport)]
    folder, _, name = path.rpartition("/")
    try:
        names = set(await place.transport.list(folder))
    except AccessError:
        return parts
    for number in range(1, ROTATED + 1):
        found = [one for one in (f"{name}.{number}", f"{name}.{number}.gz") if one in names]
        for one in found[:1]:
            try:
                if (await place.transport.stat(f"{folder}/{one}")).modified_at >= oldest_wanted(place):
                    parts.insert(0, await _tail(f"{folder}/{one}", place.transport))
            except AccessError:
                continue
    return parts


async def _tail(path: str, transport: Transport) -> str:
    size = (await transport.stat(path)).size_bytes
    start = 0
    if not path.endswith(".gz"):
        start = max(0, size - LOG_BYTES)
    content = await transport.read(path, offset=start, max_bytes=LOG_BYTES)
    if path.endswith(".gz"):
        content = unpack(content)
    return content.decode("utf-8", "replace")


def unpack(content: bytes) -> bytes:
    """What a gzip file holds, at most UNPACKED_BYTES; what comes before the damage of a damaged one."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        return unpacker.decompress(content, UNPACKED_BYTES)
    except zlib.error:
        return b""


async def _read_zone(transport: Transport) -> tuple[tzinfo, bool]:
    """The node's zone, and whether its rules are known: else as far ahead of UTC as it is now."""
    try:
        return parse_zone(await transport.read(ZONE_FILE, max_bytes=ZONE_BYTES)), True
    except (AccessError, ValueError):
        pass
    try:
        return parse_offset((await transport.run(("date", "+%z"))).text), False
    except (AccessError, ValueError):
        return UTC, False


async def _has_rpm(transport: Transport) -> bool:
    for folder in RPM_FOLDERS:
        try:
            await transport.stat(folder)
        except AccessError:
            continue
        return True
    return False


async def _read_rpm(place: Place) -> Read:
    try:
        ran = await place.transport.run(RPM_TIMES, timeout_seconds=RPM_SECONDS)
    except AccessError as error:
        return not_read("rpm -qa", error)
    oldest = oldest_wanted(place)
    changes = [one for one in parse_rpm_times(ran.text) if one.at >= oldest]
    return was_read("rpm -qa", package_events(changes, (), "rpm -qa"))


def _parse_pacman(text: str, _: LocalTime) -> tuple[PackageChange, ...]:
    return parse_pacman_log(text)


def _parse_dnf(text: str, _: LocalTime) -> tuple[PackageChange, ...]:
    return parse_dnf_log(text)


_PARSERS: Mapping[str, Parse] = {
    "/var/log/dpkg.log": parse_dpkg_log,
    "/var/log/pacman.log": _parse_pacman,
    "/var/log/dnf.rpm.log": _parse_dnf,
    "/var/log/zypp/history": parse_zypper_log,
}
