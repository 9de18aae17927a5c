"""A route's requests moved to another route, by steps."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.switching.report import SwitchReport


async def switch(
    caller: Caller,
    *,
    route: Annotated[str, Param(help="The model's name as clients write it.", position=True)],
    to: Annotated[str, Param(help="The route whose engines take over.")],
    steps: Annotated[str, Param(help="Percents of the requests, one after the other.")] = "5,25,50,100",
    hold: Annotated[str, Param(help="How long each step is watched at least: 60s, 10m, 1h.")] = "60s",
    allow: Annotated[str, Param(help="Others than the usual limits: errors=1%,ttft=2x,tpot=50ms.")] = "",
    least: Annotated[int, Param(help="Requests that a step must have moved to be judged.", minimum=0)] = 10,
) -> "SwitchReport":
    """Move a route's requests to another route, by steps.

    Clients go on asking for the same name. What the new engines cannot take is answered by the old ones, and counts as
    failed. Where 1 % more fails than before, or the first byte or each token takes twice as long (--allow says
    otherwise), everything goes back. Each step is journalled: broken off at any instant the share stays, the same
    command goes on, `keepwell undo` goes back. A gateway that starts again goes by the same share.
    """
    from keepwell.app.switching.going import Wish
    from keepwell.app.switching.going import switch as move
    from keepwell.app.switching.objectives import parse_allowed
    from keepwell.app.switching.plan import parse_steps
    from keepwell.config.shapes import duration
    from keepwell.core.errors import ConfigurationError

    try:
        seconds = duration(hold)
    except ValueError as error:
        raise ConfigurationError(f"--hold {hold!r} is no time", hint=f"write {error}") from error
    limits, _ = parse_allowed(allow)
    wish = Wish(route=route, to=to, shares=parse_steps(steps), hold_seconds=seconds, limits=limits, least=least)
    return await move(caller, wish)


OPERATIONS = (
    Operation(name="migrate switch", effect="change", function=switch, faces=("cli", "api"), view="migrate_switch"),
)
