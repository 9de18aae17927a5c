"""How the node and its engines stand right now."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.report import StatusReport


async def status(
    caller: Caller,
    *,
    targets: Annotated[
        list[str] | None,
        Param(
            help="Nodes of keepwell.toml or `all`, user@host, FILE.kwb; this machine if left out.",
            means="place",
            position=True,
        ),
    ] = None,
    level: Annotated[int, Param(help="1 engines and network, 2 also GPUs, disks, memory.", minimum=1, maximum=2)] = 2,
) -> "StatusReport":
    """Show nodes, their engines, models and services.

    State, loaded models and their split between CPU and GPU, running requests, GPUs, what depends on what.
    """
    from keepwell.app.diagnosing import look_at_status

    return await look_at_status(caller, targets or (), level=level)


OPERATIONS = (
    Operation(
        name="status",
        effect="read",
        function=status,
        watchable=True,
    ),
)
