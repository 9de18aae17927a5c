"""The processes behind engines: which ones look like a server, which are children of one, and all that is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, absent
from keepwell.core.values import find_number, text_of, texts_of
from keepwell.formats.procfs import parse_arguments, parse_environment, parse_status
from keepwell.plugins.engine import Engine, RunsChildren
from keepwell.plugins.place import ServingProcess
from keepwell.plugins.recognise import engine_of_command
from keepwell.transport.base import Transport

#: States of a process that can answer nothing: stopped, traced, a zombie, dead.
HANGING = frozenset({"T", "t", "Z", "X"})
#: Bytes of an environment that are read.
ENVIRONMENT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The processes of a node by pid, those that look like an engine's server, and children that run a model.

    `servers` gives the plug-in's name. A server that runs below another one of the same engine is its child.
    """

    rows: Mapping[int, Mapping[str, Value]]
    servers: Mapping[int, str]
    children: frozenset[int]

    def ancestors(self, pid: int) -> tuple[int, ...]:
        """The process itself and those above it, nearest first."""
        found: list[int] = []
        while pid in self.rows and pid not in found:
            found.append(pid)
            pid = int(find_number(self.rows[pid].get("parent_pid")) or 0)
        return tuple(found)

    def state(self, pid: int) -> str:
        """The letter of its state, "" for a process that is not seen."""
        return text_of(self.rows.get(pid, {}), "state")


def sort_family(rows: Iterable[Mapping[str, Value]], engines: Mapping[str, Engine]) -> Family:
    """Tell servers from the children that run models for them."""
    by_pid = {int(find_number(row.get("pid")) or 0): row for row in rows}
    looks = {pid: engine_of_command(texts_of(row.get("argv")), engines) for pid, row in by_pid.items()}
    looks = {pid: name for pid, name in looks.items() if name and text_of(by_pid[pid], "state") not in ("Z", "X")}
    family = Family(rows=by_pid, servers=looks, children=frozenset())
    children = frozenset(pid for pid in by_pid if _is_child(pid, family, engines))
    servers = {pid: name for pid, name in looks.items() if pid not in children}
    return Family(rows=by_pid, servers=servers, children=children)


def _is_child(pid: int, family: Family, engines: Mapping[str, Engine]) -> bool:
    argv = texts_of(family.rows[pid].get("argv"))
    for above in family.ancestors(pid)[1:]:
        name = family.servers.get(above, "")
        if not name:
            continue
        engine = engines[name]
        if family.servers.get(pid) == name:
            return True
        if isinstance(engine, RunsChildren) and not isinstance(engine.child_model(argv), Missing):
            return True
    return False


async def read_serving(transport: Transport, row: Mapping[str, Value]) -> ServingProcess:
    """Everything about a process, secrets unmasked; what this user may not see stays empty."""
    pid = int(find_number(row.get("pid")) or 0)
    folder = f"/proc/{pid}"
    argv = parse_arguments(await _bytes(transport, f"{folder}/cmdline"))
    status = parse_status((await _bytes(transport, f"{folder}/status")).decode("utf-8", "replace"))
    group = status.get("Gid", "").split()
    return ServingProcess(
        pid=pid,
        argv=argv or texts_of(row.get("argv")),
        environment=parse_environment(await _bytes(transport, f"{folder}/environ")),
        user=text_of(row, "user"),
        uid=int(find_number(row.get("uid")) or 0),
        gid=int((group or ["0"])[0]),
        exe=text_of(row, "exe"),
        cwd=text_of(row, "cwd"),
        state=text_of(row, "state"),
        started_at=find_number(row.get("started_at")) or 0.0,
        parent_pid=int(find_number(row.get("parent_pid")) or 0),
    )


async def _bytes(transport: Transport, path: str) -> bytes:
    try:
        return await transport.read(path, max_bytes=ENVIRONMENT_BYTES)
    except AccessError:
        return b""


def nothing_serves(why: str) -> Missing:
    """Why a site has no process."""
    return absent(why)


def same_command(one: Sequence[str], other: Sequence[str]) -> bool:
    """True if two start commands run the same program with the same arguments, `env K=V` before them left out."""
    return bool(one) and strip_environment(one) == strip_environment(other)


def strip_environment(start: Sequence[str]) -> tuple[str, ...]:
    """A start command without the `env` and the assignments before its program."""
    words = list(start)
    if words[:1] in (["env"], ["/usr/bin/env"]):
        words = words[1:]
        while words and "=" in words[0] and not words[0].startswith(("/", "-")):
            words = words[1:]
    return tuple(words)
