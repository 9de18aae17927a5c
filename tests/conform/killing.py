"""Run as a program: applies, resumes and undoes the test plan in child processes that are killed with -9.

    python -m tests.conform.killing FOLDER

Prints one JSON line for each moment at which a child was killed: what it was doing, and whether going on and
taking back each led to the right end.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from keepwell.conform.execute import apply
from keepwell.conform.undo import undo
from keepwell.core.finding import Status
from tests.conform.kit import Answers, Doom, make_folder, make_plan, open_bench, snapshot

#: More moments than the plan has; the loop ends at the first child that lives.
MOMENTS = 200
WELL = 0
KILLED = 9


def work(root: Path, back: bool, at: int) -> None:
    """Apply or undo the plan in this process, which dies at the given moment."""

    async def go() -> str:
        plan = make_plan(root / "world")
        async with open_bench(plan, root / "state", Doom(at), step=100.0) as bench:
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


def main(folder: Path) -> None:
    root = folder / "case"
    fresh(root)
    before = snapshot(root / "world")
    assert in_child(lambda: work(root, False, 0)) == WELL
    after = snapshot(root / "world")
    for back in (False, True):
        for at in range(1, MOMENTS):
            lived = False
            for then_back, wanted in ((False, after), (True, before)):
                if back and not then_back:
                    continue
                fresh(root)
                if back:
                    in_child(lambda: work(root, False, 0))
                lived = in_child(lambda: work(root, back, at)) != KILLED  # noqa: B023
                ended = in_child(lambda: work(root, then_back, 0))  # noqa: B023
                right = snapshot(root / "world") == wanted
                print(
                    json.dumps({"undoing": back, "moment": at, "then_undo": then_back, "exit": ended, "right": right})
                )
            if lived:
                break


if __name__ == "__main__":
    main(Path(sys.argv[1]))
