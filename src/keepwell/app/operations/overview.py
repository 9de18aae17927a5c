"""The whole fleet at one instant."""

from typing import TYPE_CHECKING

from keepwell.app.operation import Caller, ForModels, Operation

if TYPE_CHECKING:
    from keepwell.app.overview.model import Overview


async def overview(caller: Caller) -> "Overview":
    """Show the fleet at one instant, with requests and work.

    Every node with its devices, engines and models in memory, the requests that run now, batches and jobs, and what is
    not well. From the hub of `keepwell up`; where none runs, from one look at all nodes. `keepwell top` shows the same
    on a live screen.
    """
    from keepwell.app.overview.sources import open_source

    async with open_source(caller) as source:
        return await source.take()


OPERATIONS = (
    Operation(
        name="overview",
        effect="read",
        function=overview,
        faces=("cli", "mcp", "api"),
        for_models=ForModels(words="gpu utilisation temperature power fleet now running request queue batch job alert"),
    ),
)
