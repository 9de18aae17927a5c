"""Nodes as they ought to be: what differs, and what one that is right looks like in keepwell.toml."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param
from keepwell.core.errors import ConfigurationError

if TYPE_CHECKING:
    from keepwell.app.desired.report import BaselineReport, DriftReport


async def drift(
    caller: Caller,
    *,
    nodes: Annotated[
        list[str] | None,
        Param(
            help="The nodes to look at; every node that a [[desired]] is about if left out.",
            position=True,
            means="place",
        ),
    ] = None,
    with_: Annotated[
        str, Param(help="Hold them against this node instead of against what is wished.", means="place")
    ] = "",
    since: Annotated[
        str, Param(help="Hold them against what they had then: 2h, 2026-01-31T10:02, or the id of a run.")
    ] = "",
) -> "DriftReport":
    """Say how nodes differ from what keepwell.toml wishes.

    Nodes are looked at side by side, each in few exchanges; nothing is changed. Every change that would be made is
    shown before and after; `keepwell plan NODE` makes plans of them. Exit code 0: as wished, 1: something differs,
    3: something could not be looked at.
    """
    if with_ and since:
        raise ConfigurationError("a node against another, or now against then: not both at once", where="--since")
    if with_:
        from keepwell.app.desired.against import compare_nodes

        return await compare_nodes(caller, nodes or [], with_)
    if since:
        from keepwell.app.desired.against import compare_times

        return await compare_times(caller, nodes or [], since)
    from keepwell.app.desired.drifting import find_drift

    return await find_drift(caller, nodes or [])


async def baseline(
    caller: Caller,
    *,
    node: Annotated[str, Param(help="The node; this machine if left out.", position=True, means="place")] = "",
) -> "BaselineReport":
    """Write a node as it is as [[desired]], for keepwell.toml.

    Everything that steps find and know how to keep. Secrets are left out and said so. Changes nothing.
    """
    from keepwell.app.desired.describing import describe

    return await describe(caller, node)


OPERATIONS = (
    Operation(name="drift", effect="read", function=drift),
    Operation(name="baseline", effect="read", function=baseline),
)
