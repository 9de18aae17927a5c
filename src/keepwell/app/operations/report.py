"""What a run did, for whoever has to answer for it."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.applying.runbook import RunbookReport


async def report(
    caller: Caller,
    *,
    run: Annotated[
        str,
        Param(help="The run's id, as `keepwell runs` shows it; the newest that was begun if left out.", position=True),
    ] = "",
) -> "RunbookReport":
    """Report what a run did, as Markdown or a page.

    What was asked and by whom, each change before and after with its time, the check's word, how long an engine had no
    requests and what its clients had of that, the copy from before, and how it is taken back.
    """
    from keepwell.app.applying.runbook import make_runbook

    return await make_runbook(caller, run)


OPERATIONS = (Operation(name="report", effect="read", function=report, paged=True, view="runbook"),)
