"""Who holds a port that an engine wants: what is known of such a program, and what its owner does about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, rows_of, texts_of
from keepwell.plugins.engine import Engine, RunsChildren
from keepwell.plugins.recognise import engine_of_command, load_engines

#: Programs that hold a container's published port on the node.
CONTAINER_PROXIES = frozenset(
    {"docker-proxy", "rootlessport", "rootlesskit", "pasta", "pasta.avx2", "slirp4netns", "conmon"}
)
#: Flags of ssh that listen here: for a port of the other side, or as a proxy.
_FORWARDS = ("-L", "-D")
HolderKind: TypeAlias = Literal["orphan", "engine", "container", "socket-unit", "forward", "other"]

#: What a person does about each kind of holder; {port} and {pid} stand for the port and the process.
HOW: Mapping[HolderKind, str] = {
    "orphan": "it runs a model for an engine that is gone: nothing is lost if it is ended",
    "engine": "it is an engine, too: give one of the two another port",
    "container": "a container publishes it: docker ps --filter publish={port} names it",
    "socket-unit": "systemd listens for a service: systemctl list-sockets names it",
    "forward": "ssh forwards it: ps -o args= -p {pid} tells where to",
    "other": "ps -o pid,user,args -p {pid} tells what it is; its owner has to end or move it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that listens at a port: when it started (seconds since the epoch), what it is, and for an engine or
    its orphan which plug-in knows it.
    """

    pid: int
    argv: tuple[str, ...]
    started_at: float
    kind: HolderKind
    engine: str = ""

    def advise(self, port: str) -> str:
        """What a person does about it."""
        return HOW[self.kind].format(port=port, pid=self.pid)


def find_holder(seen: Seen, node: Ref, pid: int) -> Holder | None:
    """What this process is; None where it was not seen."""
    rows = {int(find_number(row.get("pid")) or 0): row for row in rows_of(seen.value(node, "host.processes"))}
    row = rows.get(pid)
    if row is None or not pid:
        return None
    argv = texts_of(row.get("argv"))
    kind, engine = _recognise(pid, argv, rows)
    return Holder(pid=pid, argv=argv, started_at=find_number(row.get("started_at")) or 0.0, kind=kind, engine=engine)


def _recognise(pid: int, argv: Sequence[str], rows: Mapping[int, Mapping[str, Value]]) -> tuple[HolderKind, str]:
    program = (argv or ("",))[0].rpartition("/")[2]
    if pid == 1 or program == "systemd":
        return "socket-unit", ""
    if program in CONTAINER_PROXIES:
        return "container", ""
    if program.startswith("sshd") or (program == "ssh" and any(one.startswith(_FORWARDS) for one in argv)):
        return "forward", ""
    engines = load_engines()
    above = [engine_of_command(texts_of(rows[one].get("argv")), engines) for one in _above(pid, rows)]
    for name, engine in engines.items():
        if _is_child(engine, argv) and not any(above):
            return "orphan", name
    found = engine_of_command(argv, engines)
    if found:
        return "engine", found
    return "other", ""


def _is_child(engine: Engine, argv: Sequence[str]) -> bool:
    """Whether only this engine's server starts such a program; a server that can be started so by hand is none."""
    if not isinstance(engine, RunsChildren) or isinstance(engine.child_model(argv), Missing):
        return False
    return not engine.resembles(argv)


def _above(pid: int, rows: Mapping[int, Mapping[str, Value]]) -> list[int]:
    """The processes above one, nearest first."""
    found: list[int] = []
    while (pid := int(find_number(rows[pid].get("parent_pid")) or 0)) in rows and pid not in found:
        found.append(pid)
    return found
