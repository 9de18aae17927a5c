"""All visible processes: what runs here, as whom, since when. From /proc in one pass, on macOS from `ps`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Observation, Value, failed
from keepwell.core.secret import mask_argv
from keepwell.formats.procfs import TICKS_PER_SECOND, parse_arguments, parse_boot_time, parse_process_stat
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Processes read at once: enough to keep the transport's threads busy without a task for each of thousands.
AT_ONCE = 32
#: Bytes of a command line that are read: an engine's is below 10 kB, a Java one may be 100 kB.
ARGUMENT_BYTES = 65_536
#: Columns of `ps` on macOS and BSD; the command line comes last because it holds blanks.
PS = ("ps", "-axww", "-o", "pid=,ppid=,uid=,user=,state=,etime=,command=")


class Processes:
    """Gives host.processes. Kernel threads are left out: they have no command line and serve nothing."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("host.processes",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; its value is a tuple of mappings, one a process, by pid."""
        try:
            names = await place.transport.list("/proc")
            pids = [int(name) for name in names if name.isdigit()]
            if not pids:
                return [await _by_ps(place)]
            rows = await _by_proc(place.transport, sorted(pids))
        except NotThere:
            return [await _by_ps(place)]
        except AccessError as error:
            return [place.saw("host.processes", failed(error), "/proc")]
        return [place.saw("host.processes", rows, "/proc/*/{stat,cmdline,exe,cwd}")]


async def _by_proc(transport: Transport, pids: list[int]) -> tuple[Value, ...]:
    booted_at = parse_boot_time((await transport.read("/proc/stat")).decode("ascii", "replace"))
    users = parse_users(await _read_or_empty(transport, "/etc/passwd"))
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(pid: int) -> Mapping[str, Value] | None:
        async with gate:
            return await _read_process(transport, pid, booted_at, users)

    rows = await asyncio.gather(*(one(pid) for pid in pids))
    return tuple(row for row in rows if row is not None)


async def _read_process(
    transport: Transport, pid: int, booted_at: float, users: Mapping[int, str]
) -> Mapping[str, Value] | None:
    """One process; None for a kernel thread and for one that has ended meanwhile."""
    folder = f"/proc/{pid}"
    try:
        argv = parse_arguments(await transport.read(f"{folder}/cmdline", max_bytes=ARGUMENT_BYTES))
        stat = parse_process_stat((await transport.read(f"{folder}/stat")).decode("utf-8", "replace"))
        uid = (await transport.stat(folder)).uid
    except (AccessError, ValueError):
        return None
    if not argv and stat.state != "Z":
        return None
    return {
        "pid": pid,
        "parent_pid": stat.parent_pid,
        "argv": mask_argv(argv) or (stat.name,),
        "user": users.get(uid, str(uid)),
        "uid": uid,
        "state": stat.state,
        "started_at": round(booted_at + stat.started_ticks / TICKS_PER_SECOND, 2),
        "exe": await _link_or_empty(transport, f"{folder}/exe"),
        "cwd": await _link_or_empty(transport, f"{folder}/cwd"),
    }


async def _by_ps(place: Place) -> Observation:
    try:
        ran = await place.transport.run(PS)
    except AccessError as error:
        return place.saw("host.processes", failed(error), shlex.join(PS))
    return place.saw("host.processes", parse_ps(ran.text, place.clock.now()), shlex.join(PS))


def parse_ps(text: str, now: float) -> tuple[Value, ...]:
    """The lines of `ps -o pid=,ppid=,uid=,user=,state=,etime=,command=`; `now` turns an age into a start.

    A command line is split at blanks, since ps does not keep the borders of arguments. Other lines are left out.
    """
    rows: list[Value] = []
    for line in text.splitlines():
        fields = line.split(None, 6)
        if len(fields) != 7 or not all(field.lstrip("-").isdecimal() for field in fields[:3]):
            continue
        age = parse_elapsed(fields[5])
        if age is None:
            continue
        argv = mask_argv(fields[6].split())
        rows.append(
            {
                "pid": int(fields[0]),
                "parent_pid": int(fields[1]),
                "argv": argv,
                "user": fields[3],
                "uid": int(fields[2]),
                "state": fields[4][:1],
                "started_at": round(now - age, 2),
                "exe": "",
                "cwd": "",
            }
        )
    return tuple(rows)


def parse_elapsed(text: str) -> float | None:
    """An age as ps writes it, `[[days-]hours:]minutes:seconds`, in seconds; None if it is not one."""
    days, dash, clock = text.rpartition("-")
    pieces = clock.split(":")
    if not 2 <= len(pieces) <= 3 or not all(piece.isdigit() for piece in pieces) or (dash and not days.isdigit()):
        return None
    seconds = 0
    for piece in pieces:
        seconds = seconds * 60 + int(piece)
    return float(seconds + int(days or 0) * 86_400)


def parse_users(content: bytes) -> dict[int, str]:
    """/etc/passwd: number to name, the first of two equal numbers wins; lines of another shape are left out."""
    found: dict[int, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) >= 4 and fields[2].isascii() and fields[2].isdigit():
            found.setdefault(int(fields[2]), fields[0])
    return found


async def _read_or_empty(transport: Transport, path: str) -> bytes:
    try:
        return await transport.read(path)
    except AccessError:
        return b""


async def _link_or_empty(transport: Transport, path: str) -> str:
    try:
        return await transport.link(path)
    except AccessError:
        return ""


PROBE = Processes()
