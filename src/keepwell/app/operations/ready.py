"""Has a node what an engine needs?"""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.inspecting import InspectionReport


async def ready(
    caller: Caller,
    *,
    node: Annotated[
        str,
        Param(
            help="A node of keepwell.toml, user@host or FILE.kwb; this machine if left out.",
            position=True,
            means="place",
        ),
    ] = "",
    for_: Annotated[str, Param(help="The engine that is to be installed there: its own needs are judged.")] = "",
) -> "InspectionReport":
    """Say whether a node has what an engine needs.

    Before one is installed on it, or moved to it: GPU, driver, compute runtime, containers, disk, memory, account,
    ports and clock. Changes nothing.
    """
    from keepwell.app.inspecting import inspect_node

    return await inspect_node(caller, node, "ready", engine=for_)


OPERATIONS = (
    Operation(
        name="ready",
        effect="read",
        function=ready,
        view="inspection",
        for_models=ForModels(words="install ready driver cuda needs", takes=("for_",)),
    ),
)
