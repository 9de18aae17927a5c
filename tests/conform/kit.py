"""What tests of plans share: a folder with things to change, a plan over them, a journal, and a doom that kills."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from keepwell.conform.execute import Bench, apply
from keepwell.conform.ledger import Ledger, plan_items
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.conform.traffic import NoTraffic, Smoke, Traffic
from keepwell.conform.undo import undo
from keepwell.core.entry import ABSENT, Entry
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref
from keepwell.core.run import Item, Run
from keepwell.core.step import (
    Action,
    Change,
    Plan,
    Put,
    RemoveFile,
    Rename,
    RunCommand,
    SetMode,
    SetOwner,
    WriteFile,
    reverse,
)
from keepwell.store.journal import create_journal, open_journal
from keepwell.testing.clock import FakeClock
from keepwell.transport.local import LocalTransport

NODE = "here"
RUN = "test-run"
SUBJECT = Ref("engine", (NODE, "some"))
OLD = b"A=1\r\nB=\xff\n"
NEW = b"A=2\r\nB=\xff\n"
#: When what is to be put back exactly was last changed, in nanoseconds.
THEN = 1_234_567_890_123_456_789


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_folder(root: Path) -> Path:
    """Fresh things to change, with modes and owners that a careless undo would lose."""
    (root / "store").mkdir(parents=True)
    (root / "store").chmod(0o700)
    (root / "settings.env").write_bytes(OLD)
    (root / "settings.env").chmod(0o640)
    (root / "exact").mkdir()
    (root / "exact" / "one").write_bytes(OLD)
    (root / "exact" / "one").chmod(0o604)
    os.link(root / "exact" / "one", root / "exact" / "two")
    (root / "exact" / "link").symlink_to("one")
    (root / "exact" / "large").write_bytes(b"large")
    for name in ("one", "link", "large", "."):
        os.utime(root / "exact" / name, ns=(THEN, THEN), follow_symlinks=False)
    return root


def make_plan(root: Path, cordon: Path | None = None) -> Plan:
    """One change of each kind, and a command that makes them effective. With a `cordon` it touches an engine, and
    ends well only while that file is there.
    """
    uid, gid = other_owner()
    store, settings, drop_in = str(root / "store"), str(root / "settings.env"), str(root / "d" / "new.conf")
    changes = (
        change(store, SetOwner(path=store, uid=uid, gid=gid), SetOwner(path=store, uid=os.getuid(), gid=os.getgid())),
        change(store, SetMode(path=store, mode=0o2750), SetMode(path=store, mode=0o700)),
        change(
            settings,
            WriteFile(path=settings, content=NEW, expect_sha256=digest(OLD)),
            WriteFile(path=settings, content=OLD, expect_sha256=digest(NEW)),
        ),
        change(
            str(root / "d"),
            RunCommand(argv=("mkdir", "-p", str(root / "d"))),
            RunCommand(argv=("find", str(root), "-maxdepth", "1", "-name", "d", "-type", "d", "-empty", "-delete")),
        ),
        change(
            drop_in,
            WriteFile(path=drop_in, content=NEW, expect_sha256=""),
            RemoveFile(path=drop_in, expect_sha256=digest(NEW)),
        ),
    )
    changes += exact_changes(root / "exact")
    return Plan(
        step="some",
        check="some.check",
        subject=SUBJECT,
        why="test",
        changes=changes,
        activate=(RunCommand(argv=("test", "-e", str(cordon or root))),),
        engine={True: SUBJECT, False: None}[cordon is not None],
    )


def exact_changes(folder: Path) -> tuple[Change, ...]:
    """Changes that leave no trace when they are taken back: not in times, not in what names a file has."""
    one = Entry(kind="file", content=OLD, mode=0o604, modified_ns=THEN, folder_ns=THEN)
    link = Entry(kind="link", target="one", modified_ns=THEN, folder_ns=THEN)
    nothing = Entry(kind="absent", folder_ns=THEN)
    puts = (
        Put(path=str(folder / "one"), before=one, after=Entry(kind="file", content=NEW, mode=0o600)),
        Put(path=str(folder / "link"), before=link, after=Entry(kind="link", target="two")),
        Put(path=str(folder / "made"), before=nothing, after=Entry(kind="folder", mode=0o750)),
        Put(path=str(folder / "made" / "in"), before=ABSENT, after=Entry(kind="file", content=NEW)),
    )
    rename = Rename(path=str(folder / "large"), target=str(folder / "attic"))
    undo = reverse(rename, (THEN, THEN))
    return (*(change(put.path, put, reverse(put)) for put in puts), change(rename.path, rename, undo))


def change(path: str, do: Action, undo: Action) -> Change:
    return Change(subject=Ref("path", (NODE, path)), what=type(do).__name__, before="", after="", do=do, undo=undo)


def other_owner() -> tuple[int, int]:
    """Somebody else as root; otherwise another group of ours, or ourselves."""
    if os.geteuid() == 0:
        return 65534, 65534
    return os.getuid(), (os.getgroups() or [os.getgid()])[-1]


def snapshot(root: Path, *, times: bool = True) -> dict[str, tuple[int | bytes, ...]]:
    """Everything under a folder: mode, owner, group, bytes; and times where they matter."""
    found: dict[str, tuple[int | bytes, ...]] = {}
    for path in sorted(root.rglob("*")):
        stat = path.lstat()
        content = b""
        if path.is_file():
            content = path.read_bytes()
        told: tuple[int | bytes, ...] = (stat.st_mode, stat.st_uid, stat.st_gid, content)
        if times and "exact" in path.relative_to(root).parts:
            told = (*told, stat.st_mtime_ns, stat.st_nlink)
        found[str(path.relative_to(root))] = told
    return found


class Doom:
    """Kills this process, for real, at the n-th moment (0: never)."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.moments = 0

    def moment(self) -> None:
        self.moments += 1
        if self.moments == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class DoomedJournal:
    """The store's journal; a doom may strike before and after every record. Makes the run if there is none."""

    def __init__(self, folder: Path, plan: Plan, doom: Doom | None = None) -> None:
        self._doom = doom or Doom()
        clock = FakeClock()
        if (folder / "runs" / f"{RUN}.run").exists():
            self._journal = open_journal(folder, RUN, clock)
        else:
            run = Run(id=RUN, kind="plan", asked_by="test", created_at=0.0, items=plan_items(plan))
            self._journal = create_journal(folder, run, render_plan(plan), clock)
        assert parse_plan(self._journal.payload) == plan

    @property
    def run(self) -> Run:
        """The run as it stands on disk."""
        return self._journal.run

    def record(self, run_id: str, item: Item) -> None:
        self._doom.moment()
        self._journal.record(run_id, item)
        self._doom.moment()

    def close(self) -> None:
        self._journal.close()


class DoomedHands(LocalTransport):
    """The local machine; a doom may strike before and after every change."""

    def __init__(self, doom: Doom) -> None:
        super().__init__(NODE)
        self._doom = doom

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        self._doom.moment()
        await super().write(path, content, mode=mode)
        self._doom.moment()

    async def set_mode(self, path: str, mode: int) -> None:
        self._doom.moment()
        await super().set_mode(path, mode)
        self._doom.moment()

    async def set_owner(self, path: str, uid: int, gid: int) -> None:
        self._doom.moment()
        await super().set_owner(path, uid, gid)
        self._doom.moment()

    async def remove(self, path: str) -> None:
        self._doom.moment()
        await super().remove(path)
        self._doom.moment()

    async def put(self, path: str, entry: Entry) -> None:
        self._doom.moment()
        await super().put(path, entry)
        self._doom.moment()

    async def rename(self, path: str, target: str) -> None:
        self._doom.moment()
        await super().rename(path, target)
        self._doom.moment()


class DoomedTraffic:
    """A file says that the engine is drained; a doom may strike before and after it comes and goes."""

    def __init__(self, cordon: Path, doom: Doom | None = None, *, well: bool = True) -> None:
        self.told: list[str] = []
        self._cordon = cordon
        self._doom = doom or Doom()
        self._well = well

    async def note(self, engine: Ref) -> str:
        self._doom.moment()
        return "noted"

    async def drain(self, engine: Ref) -> str:
        self.told.append("drain")
        self._doom.moment()
        self._cordon.touch()
        self._doom.moment()
        return "drained"

    async def smoke(self, engine: Ref, noted: str) -> Smoke:
        assert "noted" in noted
        self.told.append("smoke")
        self._doom.moment()
        return Smoke(well=self._well, said="it answers" * self._well or "it is silent")

    async def give_back(self, engine: Ref) -> str:
        self.told.append("give back")
        self._doom.moment()
        self._cordon.unlink(missing_ok=True)
        self._doom.moment()
        return "given back"


class Answers:
    """A check that answers with these statuses one after the other, the last for ever."""

    def __init__(self, statuses: Sequence[Status]) -> None:
        self.asked = 0
        self._statuses = statuses

    async def __call__(self) -> Finding:
        status = self._statuses[min(self.asked, len(self._statuses) - 1)]
        self.asked += 1
        return Finding(check="some.check", subject=SUBJECT, status=status, message=f"it is {status.name}")


class HastyClock(FakeClock):
    """A clock that goes on by so many seconds whenever somebody looks."""

    def __init__(self, step: float = 1.0) -> None:
        super().__init__()
        self._step = step

    def monotonic(self) -> float:
        self.advance(self._step)
        return super().monotonic()


@asynccontextmanager
async def open_bench(
    plan: Plan, folder: Path, doom: Doom | None = None, step: float = 1.0, traffic: Traffic | None = None
) -> AsyncIterator[Bench]:
    """A bench for the plan's run, which is kept in this folder, with its backup."""
    fate = doom or Doom()
    journal, hands = DoomedJournal(folder, plan, fate), DoomedHands(fate)
    try:
        yield Bench(
            hands=hands,
            clock=HastyClock(step),
            ledger=Ledger(journal.run, journal),
            traffic=traffic or NoTraffic(),
            backups=folder,
        )
    finally:
        journal.close()
        await hands.close()


async def work(plan: Plan, folder: Path, *, back: bool = False, statuses: Sequence[Status] = (Status.OK,)) -> str:
    """Apply the plan, or take it back; how it came out."""
    async with open_bench(plan, folder) as bench:
        if back:
            return (await undo(plan, bench)).state
        return (await apply(plan, bench, Answers(statuses))).state
