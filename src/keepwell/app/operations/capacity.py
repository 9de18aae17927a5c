"""How much load what is here can carry, and what else would carry more."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.benching.capacity import CapacityReport


async def capacity(
    caller: Caller,
    *,
    model: Annotated[str, Param(help="Only this model; all if left out.", position=True)] = "",
    node: Annotated[str, Param(help="Only this node; of another one what was measured is told.")] = "",
    goal: Annotated[
        str, Param(help="Instead of the objectives: ttft=500ms,itl=50ms; also tpot, e2e. For 95 of 100 requests.")
    ] = "",
    context: Annotated[int, Param(help="Tokens of context of each request; usually 4096.", minimum=0)] = 0,
) -> "CapacityReport":
    """Tell the largest load within the objectives, and what fits.

    The load is measured: of results that keepwell bench kept, the largest that kept what was promised with all smaller
    ones. What fits is reckoned from the headers of model files; what another quantisation or GPU would give is an
    estimate, and called so. Sends no load and loads nothing.
    """
    from keepwell.app.benching.capacity import find_capacity

    return await find_capacity(caller, model, node, goal, context)


OPERATIONS = (
    Operation(
        name="capacity",
        effect="read",
        function=capacity,
        for_models=ForModels(
            words="users many fit capacity load concurrent clients context enough larger quantisation",
            takes=("model", "context"),
        ),
    ),
)
