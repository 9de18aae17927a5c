"""Everything that the next person or assistant needs to know about a node."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.handing import HandoffReport


async def handoff(
    caller: Caller,
    *,
    target: Annotated[
        str, Param(help="Where to look: a node of keepwell.toml, user@host, or FILE.kwb.", position=True, means="place")
    ] = "",
    since: Annotated[str, Param(help="How far back changes are told: 6h, 2d, 14d.")] = "2d",
    out: Annotated[
        str, Param(help="Write the Markdown to this file as well.", short="-o", hidden_from=("mcp", "api"))
    ] = "",
) -> "HandoffReport":
    """Write down how a node stands, for whoever comes next.

    State, open problems with causes and evidence, what changed, repairs, the owner's decisions, and the next
    action with exact commands, as Markdown without secrets. Changes nothing on the node.
    """
    from keepwell.app.handing import make_handoff

    return await make_handoff(caller, target, since=since, out=out)


OPERATIONS = (Operation(name="handoff", effect="read", function=handoff),)
