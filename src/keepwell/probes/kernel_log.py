"""Kernel log lines that tell of memory, disk, GPU and crash trouble, from the journal or `dmesg`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, Observation, Seen, Value, absent, failed
from keepwell.core.ref import Ref
from keepwell.core.text import escape_controls
from keepwell.core.values import find_number, row_of, text_of, texts_of
from keepwell.formats.procfs import parse_boot_time
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.recognise import load_engines
from keepwell.transport.base import Transport

#: Lines kept, the newest: an out-of-memory report alone is some hundred lines.
LINES = 3000
#: The newest lines of this boot with their time in seconds; the window is cut here, so that a recording replays.
JOURNAL = ("journalctl", "-k", "--no-pager", "-o", "short-unix", "-n", str(2 * LINES))
#: Characters of a line that are kept.
LINE_CHARACTERS = 1000
#: Seconds that the kernel's clock may differ from the wall clock (suspend stops it on some kernels).
SLACK_SECONDS = 5.0

_INTEREST = re.compile(
    r"out of memory|oom[-_]|killed process|memory cgroup|page allocation failure|segfault|general protection|trap "
    r"|invalid opcode|I/O error|fs.* (error|warning|corrupt)|read-only|no space left|xid|off the bus|gpu|drm|iommu"
    r"|pcie bus error|hung task|blocked for more than|soft lockup|thermal|throttl|firmware|mismatch|module"
    r"|reset|timeout|timed out|disconnect|PM: |mce:|hardware error",
    re.IGNORECASE,
)
#: Lines that firewalls, bridges and auditing write by the thousand and that never tell of an engine's trouble.
_NOISE = re.compile(
    r"^(\[UFW |audit: |audit\(|br-[0-9a-f]{6,}|docker\d|veth[0-9a-f]{4,}|IN=|device veth)"
    r"|entered (blocking|disabled|promiscuous|forwarding)",
    re.IGNORECASE,
)
#: Characters of a process's name that the kernel keeps (TASK_COMM_LEN less the end).
NAME_CHARACTERS = 15
_VICTIM = re.compile(r"^(.+?) invoked oom-killer|\btask=([^,]+),pid=|\bKilled process \d+ \(([^)]+)\)")
_DMESG = re.compile(r"^(?:<\d+>)?\[\s*(\d+\.\d+)\] (.*)$")
_JOURNAL = re.compile(r"^(\d+\.\d+) \S+ kernel: (.*)$")


class KernelLog:
    """Gives log.kernel and host.kernel_lines for the window of the survey."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("log.kernel", "host.kernel_lines")
    needs: tuple[str, ...] = ("engine.site", "engine.process", "engine.supervisor")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """As rows with their time those of interest; as text for the catalogue all but noise, if they can have to
        do with an engine as it is now: what came before every engine's start, or before it was last seen to
        serve, cannot.
        """
        since = place.clock.now() - place.since_seconds
        rows, source = await _read(place.transport)
        if isinstance(rows, Missing):
            return [place.saw(name, rows, source) for name in self.gives]
        recent = [row for row in rows if row[0] >= since - SLACK_SECONDS][-LINES:]
        lines: Value = tuple({"at": at, "text": text} for at, text in recent if _INTEREST.search(text))
        well_until = find_well_until(place.seen)
        programs = find_programs(place.seen)
        late = (one for at, one in recent if at >= well_until - SLACK_SECONDS)
        texts = tuple(one for one in late if concerns(one, programs))
        text: Value = {"where": source, "lines": texts, "first_line": 1, "truncated_bytes": 0}
        return [place.saw("log.kernel", text, source), place.saw("host.kernel_lines", lines, source)]


def find_programs(seen: Seen) -> frozenset[str]:
    """The names, in lower case, that the kernel may give to processes of the engines here."""
    engines = load_engines()
    found: set[str] = set()
    for one in seen.named("engine.site"):
        plug_in = engines.get(text_of(row_of(one.value), "plug_in"))
        if plug_in is not None:
            found.update(plug_in.programs)
        process = row_of(seen.value(one.subject, "engine.process"))
        start = texts_of(row_of(seen.value(one.subject, "engine.supervisor")).get("start"))
        words = [*texts_of(process.get("argv"))[:1], text_of(process, "exe"), *(w for w in start if "=" not in w)]
        found.update(posixpath.basename(word) for word in words)
    return frozenset(name.lower() for name in found if name)


def concerns(line: str, programs: Collection[str]) -> bool:
    """False for an out-of-memory line about a process that is none of these programs'; True for any other line.

    The kernel cuts names to 15 characters; servers rename their workers ("VLLM::Worker").
    """
    match = _VICTIM.search(line)
    if match is None or not programs:
        return True
    name = next(word for word in match.groups() if word).lower()
    return any(name.startswith(one[:NAME_CHARACTERS]) or one.startswith(name) for one in programs)


def find_well_until(seen: Seen) -> float:
    """When every engine was still or again well, in seconds since the epoch: a running one at its start unless it
    was restarted by its supervisor, another when it last served; 0 when that is not known of one.
    """
    return min((_well_until(seen, one.subject) for one in seen.named("engine.site")), default=0.0)


def _well_until(seen: Seen, ref: Ref) -> float:
    started = find_number(row_of(seen.value(ref, "engine.process")).get("started_at"))
    restarts = find_number(row_of(seen.value(ref, "engine.supervisor")).get("restarts"))
    if started is not None and not restarts:
        return started
    if started is not None:
        return 0.0
    return find_number(row_of(seen.value(ref, "engine.site")).get("seen_at")) or 0.0


async def _read(transport: Transport) -> tuple[list[tuple[float, str]] | Missing, str]:
    try:
        ran = await transport.run(JOURNAL)
        rows = parse_journal(ran.text)
        if ran.code == 0 and rows:
            return rows, "journalctl -k"
    except AccessError:
        pass  # no journal here, or it does not answer: the kernel's own buffer is asked
    try:
        ran = await transport.run(("dmesg",))
        if ran.code != 0:
            return failed(f"dmesg says: {ran.stderr.decode('utf-8', 'replace').strip()}"), "dmesg"
        booted_at = parse_boot_time((await transport.read("/proc/stat")).decode("ascii", "replace"))
    except NotThere:
        return absent("neither journalctl nor dmesg is there"), "dmesg"
    except (AccessError, ValueError) as error:
        return failed(str(error)), "dmesg"
    return parse_dmesg(ran.text, booted_at), "dmesg"


def parse_journal(text: str) -> list[tuple[float, str]]:
    """Time and text of the lines in `journalctl -k -o short-unix`."""
    return _kept((_JOURNAL.match(line) for line in text.splitlines()), 0.0)


def parse_dmesg(text: str, booted_at: float) -> list[tuple[float, str]]:
    """Time and text of the lines in `dmesg`; `booted_at` is the zero of its clock."""
    return _kept((_DMESG.match(line) for line in text.splitlines()), booted_at)


def _kept(matches: Iterable[re.Match[str] | None], zero: float) -> list[tuple[float, str]]:
    found = (one for one in matches if one is not None and not _NOISE.search(one[2]))
    return [(round(zero + float(one[1]), 3), escape_controls(one[2])[:LINE_CHARACTERS]) for one in found]


PROBE = KernelLog()
