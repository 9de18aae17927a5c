"""What a person sees while work runs: a moving bar on standard error, and a question before it does more than look."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """A line with a moving bar while the work runs; nothing where nobody looks (`shown` False)."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        if self._shown:
            self._progress, self._task = _start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    @property
    def moves(self) -> bool:
        """True where somebody sees it."""
        return self._shown

    def update(self, text: str, done: int, total: int) -> None:
        """Show how far the work is (see `keepwell.app.operation.Progress`)."""
        if self._progress is not None and self._task is not None:
            from keepwell.cli.words import clean

            self._progress.update(self._task, description=clean(text), completed=done, total=total)

    def note(self, line: str) -> None:
        """A line on standard error, above the bar where there is one; also where nobody looks."""
        from keepwell.core.words import clean

        told = clean(line, 2000)
        if self._progress is not None:
            self._progress.console.print(told, markup=False, highlight=False, soft_wrap=True)
        else:
            print(told, file=sys.stderr, flush=True)

    def agree(self, lines: Sequence[str]) -> bool:
        """Ask the person at the terminal, once (see `keepwell.app.operation.Agree`).

        Where nobody sits nothing is agreed to, and how to agree is said.
        """
        from keepwell.cli.words import clean

        asked = "\n".join(f"  - {clean(line, 2000)}" for line in lines)
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            print(
                f"left out, because nobody could be asked (--yes agrees, where there is one):\n{asked}", file=sys.stderr
            )
            return False
        if self._progress is not None:
            self._progress.stop()
        print(f"This does more than look:\n{asked}\nGo on with that? [y/N] ", end="", file=sys.stderr, flush=True)
        agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
        if self._progress is not None:
            self._progress.start()
        return agreed


def _start() -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    progress.start()
    return progress, progress.add_task("starting", total=None)
