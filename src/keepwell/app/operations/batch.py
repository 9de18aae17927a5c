"""Many requests overnight, each answered exactly once, whatever dies meanwhile."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.batching.wish import BatchWish
from keepwell.app.flags import Flagged
from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.batching.report import BatchesReport, BatchPlanReport, BatchReport, BatchSampleReport

_NAME = Param(help="The job, as `keepwell batch list` shows it; its beginning is enough.", position=True)


async def run(caller: Caller, wish: BatchWish) -> "BatchReport | BatchPlanReport | BatchSampleReport":
    """Ask every line of a file, and write each answer once.

    The same command goes on where it was broken off, by Ctrl-C, kill -9, a full disk or a power cut: what is done is
    not asked again. Errors that may pass are tried again, by what went wrong; the rest stands in NAME.errors.jsonl.
    Exit code 0: all are answered; 1: some are errors, or left; 3: it could not be done.
    """
    from keepwell.app.batching.running import run_batch

    return await run_batch(caller, wish)


async def list_them(caller: Caller) -> "BatchesReport":
    """List jobs: how far each is, and whether it runs."""
    from keepwell.app.batching.listing import list_batches

    return list_batches(caller)


async def show(caller: Caller, *, job: Annotated[str, _NAME]) -> "BatchReport":
    """Show one job: counts, errors by kind, its command."""
    from keepwell.app.batching.listing import show_batch

    return show_batch(caller, job)


async def stop(caller: Caller, *, job: Annotated[str, _NAME]) -> "BatchReport":
    """End a job's run cleanly; it can be gone on with."""
    from keepwell.app.batching.listing import stop_batch

    return stop_batch(caller, job)


async def resume(caller: Caller, *, job: Annotated[str, _NAME]) -> "BatchReport | BatchPlanReport | BatchSampleReport":
    """Go on with a job as it was run last."""
    from keepwell.app.batching.listing import resume_batch

    return await resume_batch(caller, job)


OPERATIONS = (
    Operation(name="batch run", effect="change", function=Flagged(run, BatchWish), faces=("cli",), view="batch"),
    Operation(
        name="batch list",
        effect="read",
        function=list_them,
        view="batch_list",
        for_models=ForModels(words="batch overnight items lines file"),
    ),
    Operation(name="batch show", effect="read", function=show, view="batch"),
    Operation(
        name="batch stop",
        effect="change",
        function=stop,
        faces=("cli", "api"),
        view="batch",
        proposable=True,
    ),
    Operation(
        name="batch resume",
        effect="change",
        function=resume,
        faces=("cli", "api"),
        view="batch",
        proposable=True,
    ),
)
