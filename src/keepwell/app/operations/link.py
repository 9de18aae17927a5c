"""How fast the link between two nodes is."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.linking import LinkReport


async def link(
    caller: Caller,
    *,
    first: Annotated[str, Param(help="The node that sends; with one node alone, the one that takes.", position=True)],
    second: Annotated[str, Param(help="The node that takes; this machine sends if left out.", position=True)] = "",
    seconds: Annotated[int, Param(help="Send for so long at most.", minimum=1, maximum=30)] = 3,
    megabytes: Annotated[int, Param(help="Send so much at most.", minimum=1, maximum=100_000)] = 200,
    address: Annotated[str, Param(help="The address there to send to; without it every declared network.")] = "",
    port: Annotated[int, Param(help="The port there, if only some are open.", minimum=0, maximum=65535)] = 0,
) -> "LinkReport":
    """Measure speed, delay and loss between two nodes.

    Sends real data over each declared network of the node that takes, for a few seconds; both need Python 3.
    """
    from keepwell.app.linking import Bounds, measure_link

    words = (first, second)
    if not second:
        words = ("", first)
    bounds = Bounds(seconds=float(seconds), megabytes=megabytes, port=port)
    return await measure_link(caller, words, address=address, bounds=bounds)


OPERATIONS = (Operation(name="link", effect="read", function=link, faces=("cli", "api"), heavy=True),)
