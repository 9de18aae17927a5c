"""Run as a program: applies, resumes and undoes the test plan in child processes that are killed with -9.

    python -m tests.conform.killing FOLDER EVERY

EVERY 1 tries each moment, 4 each fourth one. Prints one JSON line for each moment at which a child was killed: what it
was doing, and whether going on and taking back each led to the right end.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

from keepwell.conform.execute import apply
from keepwell.conform.undo import undo
from keepwell.core.finding import Status
from keepwell.store.backups import find_backup
from keepwell.store.journal import load_run
from tests.conform.kit import OLD, RUN, Answers, Doom, DoomedTraffic, make_folder, make_plan, open_bench, snapshot

#: More moments than the plan has; the loop ends at the first child that lives.
MOMENTS = 200
WELL = 0
KILLED = 9


def work(root: Path, back: bool, at: int) -> None:
    """Apply or undo the plan in this process, which dies at the given moment."""

    async def go() -> str:
        cordon, doom = root / "cordon", Doom(at)
        plan = make_plan(root / "world", cordon)
        traffic = DoomedTraffic(cordon, doom)
        async with open_bench(plan, root / "state", doom, step=100.0, traffic=traffic) as bench:
            if back:
                return (await undo(plan, bench)).state
            return (await apply(plan, bench, Answers([Status.OK]))).state

    state = asyncio.run(go())
    os._exit({"well": WELL, "undone": WELL}.get(state, 1))


def in_child(function: Callable[[], None]) -> int:
    """The exit status of a forked child, or the number of the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(70)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def fresh(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    make_folder(root / "world")


def is_right(root: Path, wanted: dict[str, tuple[int | bytes, ...]], *, times: bool) -> bool:
    """Whether the world is as it ought to be, its traffic given back, and its backup from before the first change."""
    states = {item.key: item.state for item in load_run(root / "state", RUN).run.items}
    kept = states["change 0"] == "pending" or read_backup(root) == OLD
    return kept and not (root / "cordon").exists() and snapshot(root / "world", times=times) == wanted


def read_backup(root: Path) -> bytes | None:
    """What the backup holds of the settings."""
    with tarfile.open(find_backup(root / "state", RUN)) as archive:
        file = archive.extractfile(str(root / "world" / "settings.env").lstrip("/"))
        return file and file.read()


def main(folder: Path, every: int) -> None:
    root = folder / "case"
    fresh(root)
    before = snapshot(root / "world")
    assert in_child(lambda: work(root, False, 0)) == WELL
    after = snapshot(root / "world", times=False)
    for back in (False, True):
        for at in range(1, MOMENTS, every):
            lived = False
            for then_back, wanted in ((False, after), (True, before)):
                if back and not then_back:
                    continue
                fresh(root)
                if back:
                    in_child(lambda: work(root, False, 0))
                lived = in_child(lambda: work(root, back, at)) != KILLED  # noqa: B023
                ended = in_child(lambda: work(root, then_back, 0))  # noqa: B023
                right = is_right(root, wanted, times=then_back)
                print(
                    json.dumps({"undoing": back, "moment": at, "then_undo": then_back, "exit": ended, "right": right})
                )
            if lived:
                break


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
