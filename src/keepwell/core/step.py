"""Change, Plan: how the world is made right, as data that can be read before and undone after.

A step (a file in `steps/`) is a pure function from a finding and what was seen to changes. A change is made
of a few primitive actions, so that the journal holds everything that apply and undo need after a kill -9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from keepwell.core.entry import Entry
from keepwell.core.ref import Ref

#: The variable in which a program that a plan started bears its marks; what it is replaced by inherits them.
MARK_VARIABLE = "KEEPWELL_LAUNCH"


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
    """Run an argument list; anything but exit 0 within the limit is a failure.

    `settled` are the exit codes by which the program says that it was so already, which is as good: a command that is
    run again after a kill.
    """

    argv: tuple[str, ...]
    timeout_seconds: float = 60.0
    settled: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProcess:
    """Start a program that keeps running, detached from keepwell, after the process that it replaces has ended.

    `argv` may begin with `env NAME=value ...`; `output` is the file that its output is appended to ("" for
    none), `cwd` its folder ("" for /). `environment_files` hold NAME=value lines that are read at every start,
    so that an undone change is undone for the program too. `uid` and `gid` are whom it runs as, -1 for whoever
    applies the plan.
    `replaces_pid` is ended first if it is still the process that started at `replaces_started_at` (seconds
    since the epoch); 0 for none. With a `mark` it is told in its environment, and a process that bears it already is
    the one: started again after a kill -9, nothing runs twice, and `EndProcess` finds it without knowing its pid. Of
    several words the last is its own, those before are of what it is started instead of: their undo ends it, too.
    With `keeps` the process that it would replace is left running if it is still there, and is the one.
    `ready` is how to tell that it does its work: HOST:PORT, which takes connections then, or the path of a file that it
    writes; a program that is not ready in time was not started. "" asks nothing. Without `argv` that is all: somebody
    else starts it.
    """

    argv: tuple[str, ...]
    output: str = ""
    cwd: str = ""
    environment_files: tuple[str, ...] = ()
    uid: int = -1
    gid: int = -1
    replaces_pid: int = 0
    replaces_started_at: float = 0.0
    mark: str = ""
    keeps: bool = False
    ready: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndProcess:
    """End a program by SIGTERM, and by SIGKILL if it does not go; nothing to do where it has gone.

    It is the one of this pid that started at `started_at` (seconds since the epoch), or whichever bears the `mark` that
    a `StartProcess` gave it.
    """

    pid: int = 0
    started_at: float = 0.0
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRunning:
    """Let a process continue (SIGCONT) or stand still (SIGSTOP), if it is still the same one.

    `started_ticks` tells it from a later process of the same pid: clock ticks from boot, as /proc/PID/stat has it.
    """

    pid: int
    started_ticks: int
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Let `after` lie at a path where `before` lies now: a file, a folder, a link, or nothing, wholly or in part.

    Apply refuses where anything but `before` is there. Its undo is the same the other way round, so that nothing is
    left of it: see `keepwell.core.entry`.
    """

    path: str
    before: Entry
    after: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """Give a file or folder another name on the same file system; refuses a name that is taken.

    For what is too large to be kept in a plan. `folders_ns` are the times of the last change that the folders of `path`
    and `target` have afterwards, in nanoseconds since the epoch; -1 as it comes.
    """

    path: str
    target: str
    folders_ns: tuple[int, int] = (-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallApi:
    """Change settings by the interface over which a node is managed, or order something there.

    `path` is the resource. `before` and `after` are the same settings by name, "" for one that is not there: apply
    refuses where any is another, and the interface itself where somebody changes one meanwhile. Both are () for an
    order, whose end is waited for; with `settled` in its refusal it was so already, which is as good.
    """

    path: str
    before: tuple[tuple[str, str], ...] = ()
    after: tuple[tuple[str, str], ...] = ()
    settled: str = ""
    timeout_seconds: float = 120.0

    @property
    def argv(self) -> tuple[str, ...]:
        """As it is shown to a reader."""
        verb = {True: "PUT", False: "POST"}[bool(self.after)]
        return (verb, self.path, *(f"{name}={value}" for name, value in self.after))


Action: TypeAlias = (
    SetMode
    | SetOwner
    | WriteFile
    | RemoveFile
    | RunCommand
    | SetRunning
    | Put
    | Rename
    | StartProcess
    | EndProcess
    | CallApi
)
Activation: TypeAlias = RunCommand | StartProcess | CallApi


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
class Serving:
    """What has to be true of an engine once a plan was carried out: `kind` (its plug-in) answers at `url`.

    `release` is the version that it has to say, "" for any; `models` are those that it has to offer. Without `answers`
    nothing may answer there any more. `fronted`: the gateway answers in its place. `wait_seconds` is how long it may
    take until all of it is true.
    """

    kind: str
    url: str
    answers: bool = True
    release: str = ""
    models: tuple[str, ...] = ()
    fronted: bool = False
    wait_seconds: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Ordered changes, why (a check id and its subject), and what makes them take effect.

    `activate` (a restart, say) runs once after the changes, and once after an undo: it has no undo of its
    own. A plan without changes means that nothing is to do. `engine` gets no traffic while it is carried out, and has
    to answer before it gets any again; None where none is touched. `proof` is what has to be true of engines afterwards
    where no finding asked for it. `wishes` are the labels of the wishes that it fulfils, which are compared again then.
    """

    step: str
    check: str
    subject: Ref
    why: str
    changes: tuple[Change, ...]
    activate: tuple[Activation, ...] = ()
    note: str = ""
    engine: Ref | None = None
    proof: tuple[Serving, ...] = ()
    wishes: tuple[str, ...] = ()


def reverse(action: Put | Rename, folders_ns: tuple[int, int] = (-1, -1)) -> Put | Rename:
    """What takes it back; of a Rename with the times that the folders of its `path` and `target` had before."""
    if isinstance(action, Rename):
        return Rename(path=action.target, target=action.path, folders_ns=folders_ns[::-1])
    return Put(path=action.path, before=action.after, after=action.before)
