"""What the service manager, the kernel and the clock's keepers wrote into the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keepwell.core.errors import AccessError
from keepwell.core.event import Event
from keepwell.core.values import rows_of, text_of
from keepwell.formats.kernel_log import parse_kernel_ring
from keepwell.formats.procfs import parse_boot_time
from keepwell.formats.timeline import JournalEvent, kernel_event, parse_events
from keepwell.plugins.place import Place
from keepwell.plugins.recognise import engine_of_name, load_engines
from keepwell.probes.host_history._read import Read, not_read, was_read

#: Two weeks of what matters, at most the newest 5000 lines: the matches are indexed, so this is cheap.
MANAGER = (
    "journalctl",
    "--no-pager",
    "-o",
    "short-unix",
    "--since=-14d",
    "-n",
    "5000",
    "_PID=1",
    "+",
    "SYSLOG_IDENTIFIER=systemd-sleep",
    "+",
    "SYSLOG_IDENTIFIER=systemd-timesyncd",
    "+",
    "SYSLOG_IDENTIFIER=chronyd",
)
KERNEL = (
    "journalctl",
    "--no-pager",
    "-o",
    "short-unix",
    "--since=-14d",
    "-n",
    "500",
    "-g",
    "Killed process|out-of-tree module|Initialized|PM: ",
    "_TRANSPORT=kernel",
)
#: A journal of gigabytes on a slow disk takes longer; then the rest is still told.
JOURNAL_SECONDS = 3.0
#: Words of names of units that run containers: their starts and stops matter to engines.
RUNTIMES = ("docker", "containerd", "podman")


async def read_journal(place: Place) -> list[Read]:
    """The manager's and the kernel's journal; the kernel's buffer where no journal of it can be read."""
    manager = await _ask(place, MANAGER, "journalctl _PID=1")
    kernel = await _ask(place, KERNEL, "journalctl _TRANSPORT=kernel")
    if kernel.state != "read":
        kernel = await _ask_ring(place)
    return [_of_interest(manager, place), kernel]


async def _ask(place: Place, argv: tuple[str, ...], source: str) -> Read:
    try:
        ran = await place.transport.run(argv, timeout_seconds=JOURNAL_SECONDS)
    except AccessError as error:
        return not_read(source, error)
    said = ran.stderr.decode("utf-8", "replace").strip()
    if ran.code != 0 and said:
        return not_read(source, said.splitlines()[0])
    if not ran.text.strip() or "No journal files" in said:
        return not_read(source, said or "no entries: no journal is kept, or this user may not read it")
    return was_read(source, _events(parse_events(ran.text), source))


async def _ask_ring(place: Place) -> Read:
    source = "dmesg"
    try:
        booted_at = parse_boot_time((await place.transport.read("/proc/stat")).decode("ascii", "replace"))
        ran = await place.transport.run(("dmesg",))
    except AccessError as error:
        return not_read(source, error)
    except ValueError as error:
        return not_read(source, str(error))
    if ran.code != 0:
        return not_read(source, ran.stderr.decode("utf-8", "replace").strip() or f"exit code {ran.code}")
    found = (kernel_event(at, text) for at, text in parse_kernel_ring(ran.text, booted_at))
    return was_read(source, _events((one for one in found if one is not None), source))


def _events(found: Iterable[JournalEvent], source: str) -> Iterator[Event]:
    for one in found:
        yield Event(at=one.at, kind=one.kind, what=one.what, source=source, about=one.unit, now=one.detail)


def _of_interest(read: Read, place: Place) -> Read:
    """Without the starts and stops of units that have nothing to do with engines; their failures stay."""
    engines = load_engines()
    known = {text_of(row, "unit") for row in rows_of(place.seen.value(place.node, "host.units"))}
    kept = tuple(
        one
        for one in read.events
        if one.kind not in ("unit-start", "unit-stop")
        or one.about in known
        or one.about.startswith(RUNTIMES)
        or engine_of_name(one.about, engines)
    )
    return Read(source=read.source, state=read.state, reason=read.reason, events=kept)
