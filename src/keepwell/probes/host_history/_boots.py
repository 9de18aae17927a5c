"""Starts and ends of the machine: the kernel's own word, wtmp, and the boots that the journal holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keepwell.core.errors import AccessError
from keepwell.core.event import Event
from keepwell.formats.boots import JournalBoot, parse_boots
from keepwell.formats.procfs import parse_boot_time
from keepwell.formats.wtmp import WtmpRecord, parse_wtmp
from keepwell.plugins.place import Place
from keepwell.probes.host_history._read import Read, not_read, was_read

WTMP = "/var/log/wtmp"
#: Bytes of wtmp read, from its end: about 10,000 records, most of them logins.
WTMP_BYTES = 4 * 1024 * 1024
LIST_BOOTS = ("journalctl", "--list-boots", "--utc", "--no-pager")
#: Seconds for it: old releases of systemd read every file of the journal.
LIST_SECONDS = 3.0
#: Seconds that two sources may differ about one boot: the clock is often put right in the first minute.
SAME_BOOT_SECONDS = 180.0


async def read_boots(place: Place) -> list[Read]:
    """This boot, the ones that wtmp holds, and those of the journal that neither of them tells."""
    reads = [await _read_own(place), await _read_wtmp(place), await _read_journal(place)]
    told: list[float] = []
    merged = []
    for one in reads:
        events = tuple(event for event in one.events if not _is_told(event, told))
        told += [event.at for event in events if event.kind == "boot"]
        merged.append(Read(source=one.source, state=one.state, reason=one.reason, events=events))
    return merged


def boot_events(records: Iterable[WtmpRecord], source: str) -> Iterator[Event]:
    """The events of wtmp's marks, in order; a start that no end comes before says so."""
    before: WtmpRecord | None = None
    kernel = ""
    for one in records:
        if one.mark == "boot":
            yield _start(one, kernel, before is not None and before.mark == "boot", source)
            kernel = one.kernel or kernel
        if one.mark == "shutdown":
            yield Event(at=one.at, kind="shutdown", what="the machine was shut down", source=source)
        if one.mark == "clock-after" and before is not None and before.mark == "clock-before":
            by = one.at - before.at
            what = f"the clock was set by {by:.0f} s"
            yield Event(at=one.at, kind="clock", what=what, source=source, now=f"{by:.3f}")
        before = one


def journal_boot_events(boots: Iterable[JournalBoot], source: str) -> Iterator[Event]:
    """A start for each boot, and for all but this one that its journal ended."""
    for one in boots:
        yield Event(at=one.first_at, kind="boot", what="the machine was started", source=source)
        if one.index != 0:
            what = "the machine went down (the last entry of its journal)"
            yield Event(at=one.last_at, kind="shutdown", what=what, source=source)


def _start(one: WtmpRecord, kernel: str, unclean: bool, source: str) -> Event:
    what = "the machine was started"
    if unclean:
        what += ", and was not shut down before: power, a crash or a reset"
    if kernel and one.kernel and one.kernel != kernel:
        what += f"; kernel {kernel} -> {one.kernel}"
        return Event(at=one.at, kind="boot", what=what, source=source, topic="kernel", was=kernel, now=one.kernel)
    return Event(at=one.at, kind="boot", what=what, source=source, now=one.kernel)


def _is_told(event: Event, boots: Iterable[float]) -> bool:
    return event.kind == "boot" and any(abs(event.at - at) < SAME_BOOT_SECONDS for at in boots)


async def _read_own(place: Place) -> Read:
    source = "/proc/stat"
    try:
        at = parse_boot_time((await place.transport.read(source)).decode("ascii", "replace"))
    except (AccessError, ValueError) as error:
        return not_read(source, _told(error))
    return was_read(source, [Event(at=at, kind="boot", what="the machine was started", source=source)])


async def _read_wtmp(place: Place) -> Read:
    try:
        size = (await place.transport.stat(WTMP)).size_bytes
        start = max(0, size - WTMP_BYTES)
        content = await place.transport.read(WTMP, offset=start - start % 9600, max_bytes=WTMP_BYTES + 9600)
        return was_read(WTMP, boot_events(parse_wtmp(content), WTMP))
    except (AccessError, ValueError) as error:
        return not_read(WTMP, _told(error))


async def _read_journal(place: Place) -> Read:
    source = "journalctl --list-boots"
    try:
        ran = await place.transport.run(LIST_BOOTS, timeout_seconds=LIST_SECONDS)
    except AccessError as error:
        return not_read(source, error)
    boots = parse_boots(ran.text)
    if not boots:
        reason = ran.stderr.decode("utf-8", "replace").strip() or "it lists none: the journal is not kept"
        return not_read(source, reason)
    return was_read(source, journal_boot_events(boots, source))


def _told(error: AccessError | ValueError) -> AccessError | str:
    if isinstance(error, AccessError):
        return error
    return str(error)
