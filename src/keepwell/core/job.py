"""A program that runs overnight: what was asked for, which process it is, and how it stands.

Standard library only and light: its supervisor, which does nothing else, imports no more than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: Where a job is in its life. "waiting": to begin; "queued": for its time on a device; "pausing": it failed and is
#: started again after a while. "ended" by itself or by a limit, "stopped" by its owner.
Stage: TypeAlias = Literal["waiting", "queued", "running", "pausing", "stopping", "ended", "stopped"]
#: Stages after which nothing happens by itself.
OVER: frozenset[str] = frozenset({"ended", "stopped"})


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process and no other: its number, when it started (ticks since boot), and which boot that was.

    A number alone is given to another process some time after.
    """

    pid: int
    started: int
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What was asked for. `argv` is run as it stands, by no shell, in `folder`; its environment is kept nowhere.

    `restarts` is how often it is started again after a failure: 0 never, -1 without end. `limit_seconds` is for all of
    its runs together and `memory_bytes` for all of its processes, 0 for none. `device` is that whose time its runs wait
    for ("" for none): all of it, or `device_memory_bytes` of it.
    """

    name: str
    argv: tuple[str, ...]
    folder: str
    asked_at: float
    restarts: int = 0
    limit_seconds: float = 0.0
    memory_bytes: int = 0
    stop_signal: int = 15
    device: str = ""
    device_memory_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How a job stood when its supervisor last said so. Times are seconds since the epoch, 0 for not yet.

    `exit_code` is that of the last run that ended, negative for a signal, None where nobody saw it. `why` is a clause
    for a person. `left` are processes that were still there after the end. `run` counts starts; `cpu_seconds` and
    `peak_memory_bytes` are of the present run, all of its processes together.
    """

    stage: Stage
    supervisor: ProcessId | None = None
    program: ProcessId | None = None
    run: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0
    next_at: float = 0.0
    exit_code: int | None = None
    why: str = ""
    memory_bytes: int = 0
    peak_memory_bytes: int = 0
    cpu_seconds: float = 0.0
    processes: int = 0
    left: tuple[str, ...] = ()
    adopted: bool = False
