"""What fills up, and what became slower or faster at one moment."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.forecasts import ForecastReport


async def forecast(
    caller: Caller,
    *,
    about: Annotated[
        str, Param(help="Only what has this in its address: a node, a mount, mount:gpu01//var.", position=True)
    ] = "",
) -> "ForecastReport":
    """Say what fills up, and when; and what became slower.

    Disks, pools and device memory: when each is full if it grows as it did, with an interval that holds the truth in 9
    of 10 cases. Latencies and throughputs that went to another level at one moment, with what changed shortly before.
    Out of the series that the hub of `keepwell up` keeps.
    """
    from keepwell.app.forecasts import list_forecasts

    return await list_forecasts(caller, about)


OPERATIONS = (
    Operation(
        name="forecast",
        effect="read",
        function=forecast,
        for_models=ForModels(words="full fills space disk soon when memory slower trend grow room", takes=("about",)),
    ),
)
