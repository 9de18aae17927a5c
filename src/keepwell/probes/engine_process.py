"""The process behind an engine: its state, children, runners, addresses and memory; environment masked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from posixpath import basename
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.secret import mask_argv, mask_environment
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.formats.procfs import parse_kilobytes, parse_process_stat, parse_status
from keepwell.plugins.engine import Engine, MayRunItself, RunsChildren
from keepwell.plugins.place import Place, ServingProcess
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Children whose memory is added up; an engine has one for each model or GPU.
CHILDREN = 64


class EngineProcess:
    """Gives engine.process, engine.listening, engine.runners and the memory of the process with its children."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.02
    gives: tuple[str, ...] = (
        "engine.process",
        "engine.listening",
        "engine.runners",
        "engine.resident_bytes",
        "engine.swap_bytes",
    )
    needs: tuple[str, ...] = ("host.processes", "host.sockets")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """All five; Missing for the same reason when nothing serves."""
        assert place.site is not None
        process = place.site.process
        if isinstance(process, Missing):
            return [place.saw(name, process, "discovery") for name in self.gives]
        source = f"/proc/{process.pid}"
        below = find_descendants(rows_of(place.seen.value(place.node, "host.processes")), process.pid)
        state, threads, memory = await asyncio.gather(
            _state(place.transport, process),
            _threads(place.transport, process.pid),
            _memory(place.transport, [process.pid, *(_pid(row) for row in below)][:CHILDREN]),
        )
        children = tuple(_pid(row) for row in below)
        return [
            place.saw("engine.process", _shown(process, state, children, threads), source),
            place.saw("engine.listening", _listening(place, process.pid, set(children)), "/proc/net/tcp"),
            place.saw("engine.runners", _runners(place, process, below), f"children of {process.pid}"),
            place.saw("engine.resident_bytes", memory[0], f"{source}/status and its children's"),
            place.saw("engine.swap_bytes", memory[1], f"{source}/status and its children's"),
        ]


def _shown(process: ServingProcess, state: str, children: tuple[int, ...], threads: int) -> Mapping[str, Value]:
    return {
        "pid": process.pid,
        "parent_pid": process.parent_pid,
        "argv": mask_argv(process.argv),
        "user": process.user,
        "uid": process.uid,
        "gid": process.gid,
        "exe": process.exe,
        "cwd": process.cwd,
        "state": state,
        "started_at": process.started_at,
        "children": children,
        "threads": threads,
        "environment": mask_environment(process.environment),
    }


async def _state(transport: Transport, process: ServingProcess) -> str:
    """The state now: a process may have been stopped since discovery; "" would be no state, so keep the old."""
    try:
        text = (await transport.read(f"/proc/{process.pid}/stat")).decode("utf-8", "replace")
        return parse_process_stat(text).state
    except (AccessError, ValueError):
        return process.state


async def _threads(transport: Transport, pid: int) -> int:
    try:
        return len(await transport.list(f"/proc/{pid}/task"))
    except AccessError:
        return 1


async def _memory(transport: Transport, pids: list[int]) -> tuple[int | Missing, int | Missing]:
    """Resident and swapped bytes of these processes; what has ended meanwhile counts nothing."""
    answers = await asyncio.gather(*(_memory_of(transport, pid) for pid in pids))
    told = [answer for answer in answers if not isinstance(answer, Missing)]
    if not told or isinstance(answers[0], Missing):
        reason = next((answer for answer in answers if isinstance(answer, Missing)), absent("no process is left"))
        return reason, reason
    return sum(resident for resident, _ in told), sum(swapped for _, swapped in told)


async def _memory_of(transport: Transport, pid: int) -> tuple[int, int] | Missing:
    try:
        status = parse_status((await transport.read(f"/proc/{pid}/status")).decode("utf-8", "replace"))
        return parse_kilobytes(status.get("VmRSS", "0 kB")), parse_kilobytes(status.get("VmSwap", "0 kB"))
    except AccessError as error:
        return failed(error)
    except ValueError as error:
        return failed(str(error))


def find_descendants(rows: Iterable[Mapping[str, Value]], pid: int) -> list[Mapping[str, Value]]:
    """The rows of host.processes below this process, children before grandchildren."""
    by_parent: dict[int, list[Mapping[str, Value]]] = {}
    for row in rows:
        by_parent.setdefault(int(find_number(row.get("parent_pid")) or 0), []).append(row)
    found: list[Mapping[str, Value]] = []
    seen = {pid}
    waiting = [pid]
    while waiting:
        for row in by_parent.get(waiting.pop(0), []):
            if _pid(row) not in seen:
                seen.add(_pid(row))
                found.append(row)
                waiting.append(_pid(row))
    return found


def _pid(row: Mapping[str, Value]) -> int:
    return int(find_number(row.get("pid")) or 0)


def _listening(place: Place, pid: int, children: set[int]) -> Value | Missing:
    """Addresses of the process itself; of its children only where it has none (a wrapper that starts the server)."""
    assert place.site is not None
    sockets = place.seen.value(place.node, "host.sockets")
    if isinstance(sockets, Missing):
        return sockets
    rows = rows_of(sockets)
    own = [row for row in rows if find_number(row.get("pid")) == pid]
    found = own or [row for row in rows if int(find_number(row.get("pid")) or 0) in children]
    if not found and place.site.supervisor == "container":
        found = _published(place)
    if not found:
        return absent(f"process {pid} listens on no TCP port that this user can see")
    return tuple(dict.fromkeys(f"{_bracketed(text_of(row, 'address'))}:{text_of(row, 'port')}" for row in found))


def _published(place: Place) -> list[Mapping[str, Value]]:
    """What the container publishes: its own sockets lie in another network."""
    assert place.site is not None
    for row in rows_of(place.seen.value(place.node, "host.containers")):
        if text_of(row, "name") == place.site.unit:
            return list(rows_of(row.get("ports")))
    return []


def _bracketed(address: str) -> str:
    if ":" in address:
        return f"[{address}]"
    return address


def _runners(place: Place, process: ServingProcess, below: list[Mapping[str, Value]]) -> Value | Missing:
    itself = isinstance(place.engine, MayRunItself) and place.engine.runs_itself(process)
    if itself or not isinstance(place.engine, RunsChildren):
        return absent("this engine runs its model in its own process")
    found: list[Value] = []
    for row in below:
        model = place.engine.child_model(texts_of(row.get("argv")))
        if not isinstance(model, Missing):
            told = {key: row_of(row).get(key, "") for key in ("pid", "state", "started_at")}
            found.append({**told, "model": model})
    looks_right = isinstance(place.engine, Engine) and place.engine.resembles(process.argv)
    if not found and process.argv and not looks_right:
        return absent(f"{basename(process.argv[0])} listens there and passes requests on")
    return tuple(found)


PROBE = EngineProcess()
