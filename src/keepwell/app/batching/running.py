"""Runs a batch for a person: begins or goes on, tells how it goes, ends cleanly on Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from keepwell.app.batching.aiming import find_targets, open_lanes
from keepwell.app.batching.preparing import Prepared, keep_checked, make_errors_path, prepare
from keepwell.app.batching.report import UNTOLD, BatchFigures, BatchPlanReport, BatchReport, BatchSampleReport
from keepwell.app.batching.sampling import sample_batch
from keepwell.app.batching.tables import find_output, find_written, write_table
from keepwell.app.batching.telling import Telling, describe_begin
from keepwell.app.batching.using import Using
from keepwell.app.batching.wish import BatchWish
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring, wire
from keepwell.batch.job import Job, Target, Told
from keepwell.batch.reading import describe_bad
from keepwell.batch.runner import Run
from keepwell.batch.spooling import spool
from keepwell.core.errors import KeepwellError
from keepwell.core.observation import Missing
from keepwell.store.batch_state import BatchBegin
from keepwell.store.batches import FOLDER, BatchJournal, make_batch_id, open_batch

#: What stands for standard input.
STANDARD_INPUT = "-"
#: Characters of a request that a dry run shows.
SHOWN = 2000


async def run_batch(caller: Caller, wish: BatchWish) -> BatchReport | BatchPlanReport | BatchSampleReport:
    """See `keepwell.app.operations.batch.run`."""
    out = Path(wish.out).absolute()
    async with wire(caller) as wiring:
        batch = make_batch_id(out)
        folder = wiring.state / FOLDER / batch
        given = Path(wish.input).absolute()
        if wish.input == STANDARD_INPUT:
            given = await asyncio.to_thread(spool, sys.stdin.buffer, folder, f".{wish.input_format or 'jsonl'}")
        wish = replace(wish, input=str(given), out=str(out))
        caller.progress("looking the input through", 0, 0)
        prepared = await asyncio.to_thread(prepare, wish, folder, wiring.clock.now())
        targets = await find_targets(wiring, caller, wish)
        if wish.dry_run:
            return _plan(prepared, targets[0])
        if wish.sample:
            async with open_lanes(wish, prepared.bounds, caller) as lanes:
                return await sample_batch(wiring, prepared, targets, wish.sample, lanes)
        begin = BatchBegin(
            manifest=prepared.manifest,
            output=str(find_written(out, folder, anew=wish.anew)),
            errors=str(make_errors_path(out)),
            total=prepared.source.checked.count,
            command=msgspec.json.encode(replace(wish, anew=False)).decode(),
        )
        using = Using(wiring, wish, targets[0])
        await using.begin()
        now = wiring.clock.now()
        with open_batch(wiring.state, batch, begin, owner=socket.gethostname(), now=now, anew=wish.anew) as journal:
            keep_checked(prepared.source.checked, folder)
            caller.note(describe_begin(batch, journal.state, targets))
            job = prepared.make_job(targets, ordered=wish.ordered)
            told = await _go(_Going(wiring, caller, wish, using), job, journal)
            await write_table(out, journal, changed=told.done_here > 0)
            return _report(batch, journal, told, using.energy.joules)


@dataclass(frozen=True, slots=True)
class _Going:
    """What a run goes on with."""

    wiring: Wiring
    caller: Caller
    wish: BatchWish
    using: Using


async def _go(going: _Going, job: Job, journal: BatchJournal) -> Told:
    """One run; where its cluster cannot be had, the journal says that nobody was reached."""
    clock, caller = going.wiring.clock, going.caller
    async with contextlib.AsyncExitStack() as stack:
        try:
            lanes = await stack.enter_async_context(open_lanes(going.wish, job.bounds, caller))
        except KeepwellError:
            journal.end("unreachable", clock.now())
            raise
        run = Run(job, journal, clock, tell=Telling(caller, clock, going.using.energy), lanes=lanes)
        with _stopping(run, caller):
            async with going.using.watch(run):
                return await run.go()


def load_wish(command: str) -> BatchWish:
    """The wish that a job was last run with (`BatchState.command`). Raises msgspec.MsgspecError."""
    return msgspec.json.decode(command, type=BatchWish)


def make_figures(batch: str, journal: BatchJournal, told: Told, joules: float | Missing) -> BatchFigures:
    """A run that ended."""
    state = journal.state
    rate: float | Missing = UNTOLD
    if told.done_here:
        rate = told.done_here / max(told.seconds, 1e-9)
    return BatchFigures(
        id=batch,
        state=told.ended,
        output=find_output(state),
        errors=state.errors,
        total=state.total,
        done=told.done,
        answered=told.answered,
        troubles=told.troubles,
        input_tokens=told.input_tokens,
        output_tokens=told.output_tokens,
        done_here=told.done_here,
        seconds=told.seconds,
        rate=rate,
        joules=joules,
        at_a_time=told.at_a_time,
        why=told.why,
        created_at=state.created_at,
        renewed_at=state.renewed_at,
        manifest=state.manifest,
    )


def _report(batch: str, journal: BatchJournal, told: Told, joules: float | Missing) -> BatchReport:
    following = ""
    if told.ended != "done":
        following = f"keepwell batch resume {batch}"
    return BatchReport(batch=make_figures(batch, journal, told, joules), next=following)


def _plan(prepared: Prepared, target: Target) -> BatchPlanReport:
    checked = prepared.source.checked
    tasks = prepared.source.read(_is_wanted)
    first = next((task for task in tasks if not task.problem), None)
    path, body = "", ""
    if first is not None:
        path, body = first.path, first.body[:SHOWN].decode("utf-8", "replace")
    return BatchPlanReport(
        target=target.url,
        total=checked.count,
        path=path,
        first=body,
        bad=tuple(describe_bad(one) for one in checked.bad),
        bad_lines=len(checked.bad_numbers),
    )


def _is_wanted(number: int) -> bool:
    return False


@contextlib.contextmanager
def _stopping(run: Run, caller: Caller) -> Iterator[None]:
    """Ctrl-C ends the run: the first waits for what is in flight, the second does not."""
    loop = asyncio.get_running_loop()
    asked: list[int] = []

    def stop(number: int) -> None:
        asked.append(number)
        if len(asked) == 1:
            caller.note("stopping: waits up to 30 s for what is in flight; once more ends it at once")
            run.stop()
        else:
            run.stop_now()

    signals = (signal.SIGINT, signal.SIGTERM)
    with contextlib.suppress(ValueError, RuntimeError):  # not the main thread: nobody presses Ctrl-C here
        for one in signals:
            loop.add_signal_handler(one, stop, one)
    try:
        yield
    finally:
        for one in signals:
            loop.remove_signal_handler(one)
