"""Brings what the journal keeps into the output, a group at a time: made safe first, then written, then forgotten."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from keepwell.batch.item import Outcome, Task
from keepwell.batch.job import Job
from keepwell.store.batch_output import BatchOutput
from keepwell.store.batch_state import Kept
from keepwell.store.batches import BatchJournal

#: A group: so many outcomes, or what came within so many seconds. So much work a power cut can cost.
GROUP, GROUP_SECONDS = 32, 0.05
#: Outcomes that are written at once, and that may wait for it before no more is asked.
MOST, AHEAD = 1024, 50_000


class Filing:
    """The two files of a job. `waiting` outcomes are kept and not written."""

    def __init__(self, journal: BatchJournal, begin: bytes, *, ordered: bool) -> None:
        """Raises as `BatchOutput`."""
        state = journal.state
        self.waiting = journal.unwritten
        self._journal = journal
        self._begin = begin
        self._ordered = ordered
        self._output = BatchOutput(Path(state.output), state.output_bytes)
        self._errors: BatchOutput | None = None
        self._some, self._enough = asyncio.Event(), asyncio.Event()
        self._over = False

    def note(self, count: int) -> None:
        """So many more are kept."""
        self.waiting += count
        self._some.set()
        if self.waiting >= GROUP:
            self._enough.set()

    def finish(self) -> None:
        """Nothing more will be kept: write what there is, and end."""
        self._over = True
        self._some.set()
        self._enough.set()

    async def run(self) -> None:
        """Work until `finish`. Raises AccessError where it cannot be written."""
        await self._write_all()
        while not self._over:
            await self._some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(GROUP_SECONDS):
                    await self._enough.wait()
            self._some.clear()
            self._enough.clear()
            await self._write_all()
        await self._write_all()

    def close(self) -> None:
        """Let go of the files."""
        for one in (self._output, self._errors):
            if one is not None:
                one.close()

    async def _write_all(self) -> None:
        while self.waiting:
            await asyncio.to_thread(self._journal.sync)
            rows = self._journal.find_unwritten(MOST, ordered=self._ordered)
            if not rows:
                return
            lines, errors = b"".join([row[1] for row in rows]), b"".join([row[2] for row in rows])
            self._journal.require()
            await asyncio.to_thread(self._write, lines, errors)
            error_bytes = self._journal.state.error_bytes
            if self._errors is not None:
                error_bytes = self._errors.size
            self._journal.wrote([row[0] for row in rows], self._output.size, error_bytes)
            self.waiting -= len(rows)

    def _write(self, lines: bytes, errors: bytes) -> None:
        if not self._output.size:
            lines = self._begin + lines
        if lines:
            self._output.add(lines)
            self._output.sync()
        if errors:
            state = self._journal.state
            self._errors = self._errors or BatchOutput(Path(state.errors), state.error_bytes)
            self._errors.add(errors)
            self._errors.sync()


def make_kept(job: Job, task: Task, outcome: Outcome) -> Kept:
    """An outcome as it is kept."""
    line, error = job.writes.render(task, outcome)
    return Kept(
        number=task.number,
        line=line,
        error=error,
        trouble=outcome.trouble,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
    )
