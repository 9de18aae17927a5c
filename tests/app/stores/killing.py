"""Run as a program: moves a store in child processes that are killed with -9, each before another change of the disk.

    python -m tests.app.stores.killing FOLDER STEP

Prints one JSON line for each moment: whether the same command then went on to the end, with every byte in the new
folder and in the old one, and whether its undo put everything back as it was. Only every STEP-th moment is tried.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from keepwell.app.applying.carrying import undo_run
from keepwell.app.operation import Caller
from keepwell.app.stores.migrating import Wish, migrate
from keepwell.store.journal import list_runs
from tests.conform.killing import KILLED, in_child
from tests.planted import make_store, snapshot

#: What the interpreter tells of before it is done, and what changes a disk.
CHANGES = frozenset({"os.rename", "os.mkdir", "os.symlink", "os.remove", "os.chmod", "os.utime", "os.truncate"})
MOMENTS = 1000


def work(folder: Path, at: int) -> None:
    """Move the store in this process, which dies before the change of this number (0: it lives)."""
    count = 0
    home = str(folder)

    def hear(event: str, args: tuple[object, ...]) -> None:
        nonlocal count
        named = any(home in os.fsdecode(one) for one in args if isinstance(one, str | bytes))
        if event in CHANGES and (named or event in ("os.chmod", "os.truncate")):
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

    if at:
        sys.addaudithook(hear)
    report = asyncio.run(migrate(caller_of(folder), wish_of(folder)))
    os._exit(int(report.state != "moved"))


def take_back(folder: Path) -> None:
    """Undo the newest run."""
    report = asyncio.run(undo_run(caller_of(folder), list_runs(folder / "state")[0].run.id))
    os._exit(int(report.outcome.state != "undone"))


def caller_of(folder: Path) -> Caller:
    """With a state of its own."""
    return Caller(state=folder / "state", config=folder / "keepwell.toml")


def wish_of(folder: Path) -> Wish:
    """From `home` to `big`."""
    return Wish(engine=str(folder / "home" / "models"), to=str(folder / "big" / "models"))


def contents(root: Path) -> dict[str, bytes]:
    """All files by their names."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def fresh(folder: Path) -> None:
    """A store in `home`, and room for it in `big`."""
    shutil.rmtree(folder, ignore_errors=True)
    make_store(folder / "home" / "models")
    (folder / "big").mkdir()
    (folder / "keepwell.toml").write_text("")


def main(folder: Path, step: int) -> None:
    """Every moment, until one child lives."""
    case = folder / "case"
    for at in range(1, MOMENTS, step):
        fresh(case)
        before, wished = snapshot(case / "home"), contents(case / "home" / "models")
        lived = in_child(lambda: work(case, at)) != KILLED  # noqa: B023
        ended = in_child(lambda: work(case, 0)) * (not lived)
        root = case / "home" / "models"
        old = next(path for path in (case / "home").iterdir() if ".before-" in path.name)
        moved = root.is_symlink() and contents(case / "big" / "models") == wished == contents(old)
        undone = in_child(lambda: take_back(case))
        right = moved and snapshot(case / "home") == before
        print(json.dumps({"moment": at, "exit": ended, "undone": undone, "right": right}), flush=True)
        if lived:
            break


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
