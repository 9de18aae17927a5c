"""Changes that an assistant asked for: looked at, approved or refused by a person."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.proposing.report import ProposalReport, ProposalsReport

_ID = Param(help="The proposal's id, as `keepwell proposals list` shows it.", position=True)


async def list_them(
    caller: Caller,
    *,
    id: Annotated[str, Param(help="Only this one, with its outcome; the newest if left out.", position=True)] = "",
    last: Annotated[int, Param(help="How many of the newest.", short="-n", minimum=1, maximum=150)] = 20,
) -> "ProposalsReport":
    """List changes that were asked for and what became of each.

    An assistant (keepwell mcp --allow-change) changes nothing: it asks, and a person decides within 24 hours. Exit code
    1 while any waits.
    """
    from keepwell.app.proposing.deciding import list_all

    return list_all(caller, id, last)


async def approve(
    caller: Caller,
    *,
    id: Annotated[str, _ID],
    mark: Annotated[
        str, Param(help="The mark of what you have read, as listed; without it you are shown it and asked.")
    ] = "",
) -> "ProposalReport":
    """Carry a proposal out, exactly as it was shown.

    Refuses what would do something else by now. Its outcome is kept with it. Broken off by kill -9 it is told as
    interrupted and never begun again.
    """
    from keepwell.app.proposing.deciding import approve as carry_out

    return await carry_out(caller, id, mark)


async def refuse(
    caller: Caller,
    *,
    id: Annotated[str, _ID],
    why: Annotated[str, Param(help="Why, for who asked.")] = "",
) -> "ProposalReport":
    """Say no to a proposal; nothing is changed."""
    from keepwell.app.proposing.deciding import refuse as say_no

    return say_no(caller, id, why)


OPERATIONS = (
    Operation(name="proposals list", effect="read", function=list_them, watchable=True, view="proposals"),
    Operation(name="proposals approve", effect="change", function=approve, faces=("cli", "api"), view="proposals"),
    Operation(name="proposals refuse", effect="change", function=refuse, faces=("cli", "api"), view="proposals"),
)
