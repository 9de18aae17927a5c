"""`keepwell batch run --sample N`: really asks some lines, and tells what all would take. The job is not begun."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

from keepwell.app.batching.preparing import Prepared
from keepwell.app.batching.report import BatchSampleReport, Expected, SampleRow
from keepwell.app.wiring import Wiring
from keepwell.batch.answer import read_answer
from keepwell.batch.item import Outcome, Task
from keepwell.batch.job import Target, Told
from keepwell.batch.lane import Lanes
from keepwell.batch.runner import Run
from keepwell.batch.sampling import Collected, Range, SampleSource, choose_spread, estimate_sum
from keepwell.core.observation import Missing, unknown
from keepwell.core.text import cut_text
from keepwell.store.batch_state import BatchBegin
from keepwell.store.batches import open_batch

#: Characters of a request and of an answer that are shown.
SHOWN = 1000
_FEW = unknown("two answers at least are needed")


async def sample_batch(
    wiring: Wiring, prepared: Prepared, targets: tuple[Target, ...], count: int, lanes: Lanes
) -> BatchSampleReport:
    """Ask so many lines, spread over the input. The journal is a passing one: the job's own stays as it is."""
    total = prepared.source.checked.count
    numbers = choose_spread(total, count)
    collected = Collected()
    with tempfile.TemporaryDirectory(prefix="keepwell-sample-") as folder:
        out = Path(folder) / "out"
        begin = BatchBegin(manifest={}, output=str(out), errors=f"{out}.errors", total=len(numbers))
        job = replace(
            prepared.make_job(targets, ordered=False),
            source=SampleSource(prepared.source, numbers),
            writes=collected,
            total=len(numbers),
        )
        with open_batch(Path(folder), "sample", begin, owner=socket.gethostname(), now=wiring.clock.now()) as journal:
            run = Run(job, journal, wiring.clock, lanes=lanes)
            try:
                told = await run.go()
            except asyncio.CancelledError:
                run.stop_now()
                raise
    return _report(targets[0], total, collected, told)


def _report(target: Target, total: int, collected: Collected, told: Told) -> BatchSampleReport:
    found = sorted(collected.found, key=_number_of)
    answers = [outcome for _, outcome in found if not outcome.trouble]
    busy = sum(one.seconds for one in answers)
    together = max(1.0, min(float(told.at_a_time), busy / max(told.seconds, 1e-9)))
    seconds = estimate_sum([one.seconds / together for one in answers], total)
    return BatchSampleReport(
        target=target.url,
        total=total,
        rows=tuple(_make_row(task, outcome) for task, outcome in found),
        answered=len(answers),
        ended=told.ended,
        why=told.why,
        seconds=_expect(seconds),
        input_tokens=_expect(estimate_sum([one.input_tokens for one in answers], total)),
        output_tokens=_expect(estimate_sum([one.output_tokens for one in answers], total)),
        together=together,
    )


def _expect(found: Range) -> Expected | Missing:
    if found.low != found.low:  # nan
        return _FEW
    return Expected(low=found.low, middle=found.middle, high=found.high)


def _make_row(task: Task, outcome: Outcome) -> SampleRow:
    answer = outcome.message
    if not outcome.trouble:
        said = read_answer(outcome.body)
        answer = said.text
        if said.value is not None:
            answer = str(said.value)
    return SampleRow(
        number=task.number,
        custom_id=task.custom_id,
        asked=cut_text(task.body.decode("utf-8", "replace"), SHOWN),
        answer=cut_text(answer, SHOWN),
        trouble=outcome.trouble,
        seconds=outcome.seconds,
        output_tokens=outcome.output_tokens,
    )


def _number_of(found: tuple[Task, Outcome]) -> int:
    return found[0].number
