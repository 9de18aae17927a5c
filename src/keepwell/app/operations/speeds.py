"""How fast engines were, run by run."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.speeds import SpeedsReport


async def speeds(
    caller: Caller,
    *,
    since_run: Annotated[
        str, Param(help="Compare with this run instead of the one before the newest; its id as listed.")
    ] = "",
) -> "SpeedsReport":
    """List measured speeds; compare the newest with an earlier.

    diagnose --level 4 measures and keeps them. A difference counts when it is more than twice what equal requests of
    one run differ by, and more than 15 %.
    """
    from keepwell.app.speeds import list_speeds

    return await list_speeds(caller, since_run)


OPERATIONS = (
    Operation(
        name="speeds",
        effect="read",
        function=speeds,
        for_models=ForModels(words="slow fast speed tokens generation measured"),
    ),
)
