"""Repairs as plans: made and shown, carried out and proved, taken back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from keepwell.app.operation import Caller, ForModels, Operation, Param
from keepwell.core.foresight import Foresight

if TYPE_CHECKING:
    from keepwell.app.repair_report import PlanReport, RolledReport, RunReport, RunsReport

_RUN = Param(
    help="The run's id, as `keepwell plan` or `keepwell runs` shows it; the newest that fits if left out.",
    position=True,
)


async def plan(
    caller: Caller,
    *,
    what: Annotated[
        str,
        Param(
            help="A node, or only repairs of this cause or check, or wishes of this table, or `audit` for what an "
            "audit of this machine finds; everything but that if left out.",
            position=True,
            means="name",
        ),
    ] = "",
    node: Annotated[list[str] | None, Param(help="Only these nodes.", means="place")] = None,
) -> "PlanReport":
    """Plan what mends this machine and makes nodes as wished.

    Repairs of what is wrong here, and changes that end what `keepwell drift` shows: for each node one plan of what
    touches no engine, and one for each engine. Each change is shown before and after, with its undo, and what it
    interrupts. Changes nothing: `keepwell apply` carries it out.
    """
    from keepwell.app.desired.planning import plan_all

    return await plan_all(caller, what, node or [])


_RUNS = Param(
    help="Runs, as `keepwell plan` or `keepwell runs` shows them; the newest that fits if left out.",
    position=True,
)
_WAIT = Param(help="Seconds that requests of an engine have to end before it is touched; else nothing is touched.")
_CUT = Param(help="Cut off requests that still run after that time.")


async def apply(
    caller: Caller,
    *,
    run: Annotated[list[str] | None, _RUNS] = None,
    all_: Annotated[bool, Param(help="Every plan that waits, node after node, until one is not well.")] = False,
    step: Annotated[bool, Param(help="Ask before each change; a no stops there.", hidden_from=("mcp", "api"))] = False,
    wait: Annotated[float, _WAIT] = 600.0,
    cut: Annotated[bool, _CUT] = False,
) -> "RunReport | RolledReport":
    """Carry out plans and prove each of them.

    What is changed is copied first, an engine that is touched gets no requests from the gateway until it answers again,
    and each change is journalled; then the check that asked for it is asked again, twice. Broken off at any instant,
    the same command goes on where it stood. Refuses when the machine is no longer as it was when the plan was made.
    """
    from keepwell.app.applying.carrying import Manner, apply_runs
    from keepwell.app.applying.traffic import Patience

    manner = Manner(step=step, patience=Patience(seconds=wait, cut=cut))
    return await apply_runs(caller, run or (), every=all_, manner=manner)


async def undo(
    caller: Caller,
    *,
    run: Annotated[str, _RUN] = "",
    wait: Annotated[float, _WAIT] = 600.0,
    cut: Annotated[bool, _CUT] = False,
) -> "RunReport":
    """Take back what a plan changed, byte for byte.

    The last change first. Refuses when somebody has changed the same thing since.
    """
    from keepwell.app.applying.carrying import Manner, undo_run
    from keepwell.app.applying.traffic import Patience

    return await undo_run(caller, run, Manner(patience=Patience(seconds=wait, cut=cut)))


async def runs(caller: Caller) -> "RunsReport":
    """List the plans that were made, and what became of each."""
    from keepwell.app.applying.runs import list_all

    return await list_all(caller)


async def _foresee_apply(caller: Caller, arguments: Mapping[str, Any]) -> Foresight:
    from keepwell.app.proposing.foresight import foresee_apply

    return await foresee_apply(caller, arguments)


async def _foresee_undo(caller: Caller, arguments: Mapping[str, Any]) -> Foresight:
    from keepwell.app.proposing.foresight import foresee_undo

    return await foresee_undo(caller, arguments)


OPERATIONS = (
    Operation(name="plan", effect="read", function=plan),
    Operation(
        name="apply",
        effect="change",
        function=apply,
        proposable=True,
        foresee=_foresee_apply,
    ),
    Operation(
        name="undo",
        effect="change",
        function=undo,
        proposable=True,
        foresee=_foresee_undo,
    ),
    Operation(
        name="runs",
        effect="read",
        function=runs,
        for_models=ForModels(words="repair plan applied undone keepwell changed"),
    ),
)
