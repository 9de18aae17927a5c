"""Change, Plan: how the world is made right, as data that can be read before and undone after.

A step (a file in `steps/`) is a pure function from a finding and what was seen to changes. A change is made
of a few primitive actions, so that the journal holds everything that apply and undo need after a kill -9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from keepwell.core.ref import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMode:
    """Give a path these permission bits (0..0o7777)."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOwner:
    """Give a path this numeric owner and group."""

    path: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    """Replace a file's bytes atomically (write beside, fsync, rename), keeping its owner and mode.

    `expect_sha256` is the digest of the bytes that must be there now ("" means: no file); apply refuses if not.
    `mode` is used only when the file is made.
    """

    path: str
    content: bytes
    expect_sha256: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFile:
    """Remove a file that has this digest; refuses any other."""

    path: str
    expect_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """Run an argument list; anything but exit 0 within the limit is a failure."""

    argv: tuple[str, ...]
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProcess:
    """Start a program that keeps running, detached from keepwell, after the process that it replaces has ended.

    `argv` may begin with `env NAME=value ...`; `output` is the file that its output is appended to ("" for
    none), `cwd` its folder ("" for /). `environment_files` hold NAME=value lines that are read at every start,
    so that an undone change is undone for the program too. `uid` and `gid` are whom it runs as, -1 for whoever
    applies the plan.
    `replaces_pid` is ended first if it is still the process that started at `replaces_started_at` (seconds
    since the epoch); 0 for none. Only ever part of what makes a plan take effect.
    """

    argv: tuple[str, ...]
    output: str = ""
    cwd: str = ""
    environment_files: tuple[str, ...] = ()
    uid: int = -1
    gid: int = -1
    replaces_pid: int = 0
    replaces_started_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRunning:
    """Let a process continue (SIGCONT) or stand still (SIGSTOP), if it is still the same one.

    `started_ticks` tells it from a later process of the same pid: clock ticks from boot, as /proc/PID/stat has it.
    """

    pid: int
    started_ticks: int
    running: bool


Action: TypeAlias = SetMode | SetOwner | WriteFile | RemoveFile | RunCommand | SetRunning
Activation: TypeAlias = RunCommand | StartProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: what, before, after, the action, and its undo or the reason why it has none.

    `interrupts` says what stops meanwhile and for about how long ("" for nothing).
    """

    subject: Ref
    what: str
    before: str
    after: str
    do: Action
    undo: Action | None
    irreversible: str = ""
    interrupts: str = ""

    def __post_init__(self) -> None:
        if (self.undo is None) == (not self.irreversible):
            raise ValueError(f"a change has an undo or a reason for having none, not both or neither: {self.what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Ordered changes, why (a check id and its subject), and what makes them take effect.

    `activate` (a restart, say) runs once after the changes, and once after an undo: it has no undo of its
    own. A plan without changes means that nothing is to do.
    """

    step: str
    check: str
    subject: Ref
    why: str
    changes: tuple[Change, ...]
    activate: tuple[Activation, ...] = ()
    note: str = ""
