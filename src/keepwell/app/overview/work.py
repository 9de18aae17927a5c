"""Batches and jobs as rows: those that run or wait, and those that ended lately. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from keepwell.app.batching.report import BatchFigures
from keepwell.app.jobs.report import JobLine
from keepwell.app.overview.model import WorkRow
from keepwell.core.observation import Missing, unknown
from keepwell.core.words import size, span

#: Seconds after its end for which work is still shown.
LATELY_SECONDS = 3600.0
#: Seconds over which the pace of a batch is taken, and those that are needed to tell one.
PACE_SECONDS, ENOUGH_SECONDS = 600.0, 10.0
TOO_EARLY = unknown("too little was done to tell")
NO_END = unknown("nobody knows when it ends")


@dataclass(slots=True)
class Paces:
    """How much of each batch was done when: (seconds since the epoch, lines)."""

    seen: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    def note(self, name: str, done: int, now: float) -> None:
        """Once more."""
        rows = self.seen.setdefault(name, [])
        rows.append((now, done))
        while now - rows[0][0] > PACE_SECONDS:
            del rows[0]

    def find_left(self, name: str, left: int) -> float | Missing:
        """Seconds until as many more are done, at the pace of the last minutes."""
        rows = self.seen.get(name, ())
        if not rows:
            return TOO_EARLY
        (begin, before), (end, after) = rows[0], rows[-1]
        if end - begin < ENOUGH_SECONDS or after <= before:
            return TOO_EARLY
        return left * (end - begin) / (after - before)


def draw_batches(batches: Iterable[BatchFigures], paces: Paces, now: float) -> Iterator[WorkRow]:
    """Each that runs, and each that was heard of lately; `paces` is added to."""
    for one in batches:
        left: float | Missing = NO_END
        if one.state == "running":
            paces.note(one.id, one.done, now)
            left = paces.find_left(one.id, one.total - one.done)
        elif now - max(one.renewed_at, one.created_at) > LATELY_SECONDS:
            continue
        yield WorkRow(
            kind="batch",
            name=one.id,
            state=one.state,
            done=one.done,
            total=one.total,
            left_seconds=left,
            note=_describe_batch(one),
        )


def _describe_batch(one: BatchFigures) -> str:
    failed = sum(one.troubles.values())
    words = [f"{failed} failed"] * bool(failed)
    words += [f"{one.output_tokens} tokens"] * bool(one.output_tokens)
    return ", ".join(words)


def draw_jobs(jobs: Iterable[JobLine], now: float) -> Iterator[WorkRow]:
    """The same of jobs: nobody knows how far a program is, but of one with a limit when it is ended at the latest."""
    for one in jobs:
        if not one.runs and now - max(one.ended_at, one.began_at) > LATELY_SECONDS:
            continue
        left: float | Missing = NO_END
        if one.runs and one.limit_seconds:
            left = max(0.0, one.limit_seconds - (now - one.began_at))
        yield WorkRow(
            kind="job",
            name=one.name,
            state=one.state,
            done=0,
            total=0,
            left_seconds=left,
            note=_describe_job(one, now),
        )


def _describe_job(one: JobLine, now: float) -> str:
    words = [one.why] * bool(one.why)
    if one.runs and one.began_at:
        words.append(f"for {span(max(0.0, now - one.began_at))}")
    words += [size(one.memory_bytes)] * (one.runs and bool(one.memory_bytes))
    return ", ".join(words)
