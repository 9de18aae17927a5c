"""Repairs as plans: made and shown, carried out and proved, taken back."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.repair_report import PlanReport, RunReport, RunsReport

_RUN = Param(
    help="The run's id, as `keepwell plan` or `keepwell runs` shows it; the newest that fits if left out.",
    position=True,
)


async def plan(
    caller: Caller,
    *,
    issue: Annotated[
        str, Param(help="Only repairs of this cause or check; all that keepwell can make if left out.", position=True)
    ] = "",
) -> "PlanReport":
    """Plan the repair of what is wrong here, and show it.

    Each change is shown before and after, with its undo. Changes nothing: `keepwell apply` carries it out.
    """
    from keepwell.app.repairing import make_plans

    return await make_plans(caller, issue)


async def apply(caller: Caller, *, run: Annotated[str, _RUN] = "") -> "RunReport":
    """Carry out a plan and prove it.

    Each change is journalled; then the check that asked for it is asked again, twice. Broken off at any instant,
    the same command goes on where it stood. Refuses when the machine is no longer
    as it was when the plan was made.
    """
    from keepwell.app.repairing import apply_run

    return await apply_run(caller, run)


async def undo(caller: Caller, *, run: Annotated[str, _RUN] = "") -> "RunReport":
    """Take back what a plan changed, byte for byte.

    The last change first. Refuses when somebody has changed the same thing since.
    """
    from keepwell.app.repairing import undo_run

    return await undo_run(caller, run)


async def runs(caller: Caller) -> "RunsReport":
    """List the plans that were made, and what became of each."""
    from keepwell.app.repairing import list_all

    return await list_all(caller)


OPERATIONS = (
    Operation(name="plan", effect="read", function=plan),
    Operation(name="apply", effect="change", function=apply),
    Operation(name="undo", effect="change", function=undo),
    Operation(name="runs", effect="read", function=runs),
)
