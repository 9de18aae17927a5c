"""The log of an engine, wherever it goes: a file that it holds open, a journal, a container, a usual place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.secret import mask_text
from keepwell.core.text import cut_text, escape_controls
from keepwell.core.values import find_number, row_of
from keepwell.formats.logtime import find_time, first_line_since, last_start
from keepwell.plugins.engine import BeginsRuns, Engine, KnowsLogs
from keepwell.plugins.place import LogSource, Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Bytes read from the end of a log: hours of a busy server, and a tenth of a second of reading.
TAIL_BYTES = 2 * 1024 * 1024
#: Bytes read from the beginning of a longer one, for what is only said at the start.
HEAD_BYTES = 128 * 1024
#: Lines kept of the window, and of the process's first ones before the window.
LINES = 20_000
START_LINES = 400
#: Characters of a line that are kept: a longer one is a dumped request.
LINE_CHARACTERS = 4000
#: Lines asked of a journal or a container.
JOURNAL_LINES = "5000"
#: Lines at the end in which the last error is looked for: what stands further up did not end the process.
LAST_LINES = 40
#: A younger process that was restarted before is in a loop, and why it failed stands in the runs before.
LOOP_SECONDS = 120.0
#: A process's start as the kernel rounds it, and the first line that it writes.
SLACK_SECONDS = 2.0

_TROUBLE = re.compile(
    r"\b(errors?|fatal|panic|exception|traceback|failed|failure|cannot|couldn't|unable|terminated|killed|denied"
    r"|no space|invalid|segfault|aborted|out of memory)\b",
    re.IGNORECASE,
)
#: Lines that say of themselves that they are no trouble, and a first start's remark about a key.
_HARMLESS = re.compile(
    r"level=(INFO|DEBUG|TRACE)|^\d+\.\d\d\.\d{3}\.\d{3} [ID] |\b(INFO|DEBUG)\b|generating new private key",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """What one source gave: its lines, how many bytes before them were not read, its first lines if those differ."""

    kind: str
    where: str
    lines: tuple[str, ...]
    skipped_bytes: int = 0
    size_bytes: int = 0
    head: tuple[str, ...] = ()


class EngineLog:
    """Gives log.text (the window's lines since the process began) and engine.log (where they came from)."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("engine.log", "log.text")
    needs: tuple[str, ...] = ("engine.supervisor",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Both from the first source that can be read; absent with every source's reason where none can."""
        reasons: list[str] = []
        for source in await _sources(place):
            try:
                found = await _read(place.transport, source)
            except AccessError as error:
                reasons.append(f"{source.kind} {source.where}: {error.what}")
                continue
            if isinstance(found, Missing):
                reasons.append(f"{source.kind} {source.where}: {found.reason}")
            else:
                return _seen(place, found)
        reason = absent(f"no log that can be read ({'; '.join(reasons) or 'nothing tells where one is'})")
        return [place.saw(name, reason, "standard output, journal, container, usual places") for name in self.gives]


async def _sources(place: Place) -> list[LogSource]:
    """Where to look, likeliest first, each once."""
    assert place.site is not None
    site = place.site
    found: list[LogSource] = []
    if not isinstance(site.process, Missing) and site.supervisor != "container":
        found.append(LogSource(kind="process", where=str(site.process.pid)))
    found += site.logs
    by_supervisor = {"systemd": "journal", "container": "container"}
    if site.unit and site.supervisor in by_supervisor:
        found.append(LogSource(kind=by_supervisor[site.supervisor], where=site.unit))
    if isinstance(place.engine, KnowsLogs):
        found += place.engine.logs(site, await _platform(place.transport))
    return list(dict.fromkeys(found))


async def _platform(transport: Transport) -> str:
    try:
        await transport.stat("/System/Library")
    except AccessError:
        return "linux"
    return "darwin"


async def _read(transport: Transport, source: LogSource) -> _Text | Missing:
    if source.kind == "process":
        return await _read_process(transport, source.where)
    if source.kind == "file":
        return await _read_file(transport, source.where, source.where)
    if source.kind == "journal":
        return await _read_journal(transport, source.where)
    return await _read_container(transport, source.where)


async def _read_process(transport: Transport, pid: str) -> _Text | Missing:
    """What the process holds open as standard output and error, if that is a file; both when they are two."""
    texts: dict[str, _Text] = {}
    kinds: list[str] = []
    for number in ("1", "2"):
        path = f"/proc/{pid}/fd/{number}"
        target = await transport.link(path)
        stat = await transport.stat(path)
        if stat.kind != "file":
            kinds.append(f"{target} is a {stat.kind}")
        elif target not in texts:
            texts[target] = await _read_file(transport, path, target)
    if not texts:
        return absent(f"its output goes to no file ({'; '.join(dict.fromkeys(kinds))})")
    whole = list(texts.values())
    return _Text(
        kind="file",
        where=", ".join(one.where for one in whole),
        lines=tuple(line for one in whole for line in one.lines),
        skipped_bytes=sum(one.skipped_bytes for one in whole),
        size_bytes=sum(one.size_bytes for one in whole),
        head=tuple(line for one in whole for line in one.head),
    )


async def _read_file(transport: Transport, path: str, shown: str) -> _Text:
    size = (await transport.stat(path)).size_bytes
    skipped = max(0, size - TAIL_BYTES)
    content = await transport.read(path, offset=skipped, max_bytes=TAIL_BYTES)
    lines = parse_lines(content)
    head: tuple[str, ...] = ()
    if skipped:
        lines = lines[1:]  # the first one is cut
        head = parse_lines(await transport.read(path, max_bytes=HEAD_BYTES))[:START_LINES]
    return _Text(kind="file", where=shown, lines=lines, skipped_bytes=skipped, size_bytes=size, head=head)


async def _read_journal(transport: Transport, unit: str) -> _Text | Missing:
    """The unit's lines with their time; of the user's own journal when the system's holds none."""
    reason = absent(f"the journal holds no line of {unit}")
    for flag in ("--unit", "--user-unit"):
        ran = await transport.run(
            ("journalctl", f"{flag}={unit}", "-n", JOURNAL_LINES, "-o", "short-iso", "--no-pager", "-q"),
            max_bytes=4 * TAIL_BYTES,
        )
        if ran.code != 0:
            reason = failed(f"journalctl says: {ran.stderr.decode('utf-8', 'replace').strip()}")
        elif ran.stdout.strip():
            return _Text(kind="journal", where=unit, lines=parse_lines(ran.stdout), size_bytes=len(ran.stdout))
    return reason


async def _read_container(transport: Transport, name: str) -> _Text | Missing:
    reason = absent("no container client could be asked")
    for runtime in ("docker", "podman"):
        try:
            ran = await transport.run((runtime, "logs", "-t", "--tail", JOURNAL_LINES, name), max_bytes=4 * TAIL_BYTES)
        except AccessError as error:
            reason = failed(error)
            continue
        if ran.code == 0:
            lines = merge_by_time(parse_lines(ran.stdout), parse_lines(ran.stderr))
            return _Text(kind="container", where=name, lines=lines, size_bytes=len(ran.stdout) + len(ran.stderr))
        reason = failed(f"{runtime} says: {ran.stderr.decode('utf-8', 'replace').strip()}")
    return reason


def parse_lines(content: bytes) -> tuple[str, ...]:
    """The lines of a log as they may be kept: colours taken off, control characters written out, secrets masked,
    each cut to LINE_CHARACTERS; empty ones left out.
    """
    text = _COLOUR.sub("", content.decode("utf-8", "replace").replace("\r\n", "\n"))
    return tuple(_clean(line) for line in text.split("\n") if line)


def _clean(line: str) -> str:
    """Cut before it is masked: a dumped request may be megabytes, and what is cut off shows no secret."""
    return mask_text(escape_controls(cut_text(line, LINE_CHARACTERS)))


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def merge_by_time(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Two streams of lines as one, by the time that the container client puts before each; it is taken off."""
    stamped = sorted([*first, *second], key=_stamp)
    return tuple(line.partition(" ")[2] for line in stamped if line.partition(" ")[2])


def _stamp(line: str) -> str:
    """RFC 3339 in UTC with nine digits sorts as text."""
    return line.partition(" ")[0]


def _seen(place: Place, found: _Text) -> list[Observation]:
    assert place.site is not None
    began = _began(place)
    lines = list(found.lines)
    first = max(first_line_since(lines, began, of_run=True), last_start(lines) * (began > 0))
    if isinstance(place.site.process, Missing):
        first = find_last_run(lines, place.engine)
    window = 0
    if not isinstance(place.site.process, Missing):
        window = first_line_since(lines[first:], place.clock.now() - place.since_seconds)
    kept = tuple(lines[first + window :][-LINES:])
    head = [line for line in found.head if (find_time(line) or 0.0) >= began]
    text: Value = {
        "where": found.where,
        "kind": found.kind,
        "lines": kept,
        "start_lines": tuple([*head, *lines[first : first + window]][:START_LINES]),
        "first_line": len(lines) - len(kept) + 1,
        "truncated_bytes": found.skipped_bytes,
    }
    about: Value = {
        "kind": found.kind,
        "where": found.where,
        "size_bytes": found.size_bytes,
        "last_error": find_last_error(kept, place.engine),
    }
    source = f"{found.kind} {found.where}"
    return [place.saw("engine.log", about, source), place.saw("log.text", text, source)]


def _began(place: Place) -> float:
    """When the run began whose lines count: the process's start, or 0 for a dead one and one in a restart loop."""
    assert place.site is not None
    process = place.site.process
    if isinstance(process, Missing) or not process.started_at:
        return 0.0
    supervisor: Mapping[str, Value] = row_of(place.seen.value(place.site.ref, "engine.supervisor"))
    young = place.clock.now() - process.started_at < LOOP_SECONDS
    if young and (find_number(supervisor.get("restarts")) or 0) > 0:
        return 0.0
    return process.started_at - SLACK_SECONDS


def find_last_run(lines: Sequence[str], engine: object) -> int:
    """Of a process that is gone: where the newest run begins that tells of trouble; 0 where no beginning is known or
    none does. What went well in the runs before speaks against no cause of the end.
    """
    if not isinstance(engine, BeginsRuns):
        return 0
    end = len(lines)
    for index in range(len(lines) - 1, -1, -1):
        if any(words in lines[index] for words in engine.first_lines):
            if find_last_error(lines[index:end], engine):
                return index
            end = index
    return 0


def find_last_error(lines: Sequence[str], engine: object) -> str:
    """The last line that tells of trouble and is no follow-up of an earlier one; "" if there is none."""
    patterns: tuple[str, ...] = ()
    if isinstance(engine, Engine):
        patterns = engine.follow_ups
    follow_ups = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
    for line in reversed(lines[-LAST_LINES:]):
        trouble = _TROUBLE.search(line) and not _HARMLESS.search(line)
        if trouble and not any(pattern.search(line) for pattern in follow_ups):
            return line
    return ""


PROBE = EngineLog()
