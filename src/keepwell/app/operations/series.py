"""The numbers that the hub collects."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.newest import SeriesReport


async def series(
    caller: Caller,
    name: Annotated[
        str, Param(help="A series such as host.memory_used_bytes; device is all that begin so.", position=True)
    ] = "",
    *,
    about: Annotated[str, Param(help="Only about this and what is in it: node:gpu01, device:gpu01/0, engine:...")] = "",
) -> "SeriesReport":
    """Show the newest numbers, or why one is absent.

    Of every node, device, engine and model that the hub watches, each with its unit and age. The hub runs as part of
    `keepwell up`; without it the last kept minute of each is shown.
    """
    from keepwell.app.newest import list_series

    return await list_series(caller, name, about)


OPERATIONS = (
    Operation(
        name="series",
        effect="read",
        function=series,
        watchable=True,
        for_models=ForModels(
            words="temperature hot power watt memory gpu load utilisation cpu number disk fan swap busy",
            takes=("name", "about"),
        ),
    ),
)
