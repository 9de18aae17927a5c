"""Requests played at two routes, before one takes over from the other."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.rehearsing.report import RehearsalReport


async def rehearse(
    caller: Caller,
    *,
    from_: Annotated[str, Param(help="The route that clients ask now.")],
    to: Annotated[str, Param(help="The route that is to take over.")],
    requests: Annotated[
        str, Param(help="A file of requests, a JSON object a line, instead of recorded ones.", hidden_from=("api",))
    ] = "",
    recorded: Annotated[int, Param(help="How many of the newest recorded ones.", minimum=1, maximum=1000)] = 50,
    at_once: Annotated[int, Param(help="Requests under way at the same time.", minimum=1, maximum=64)] = 1,
    allow: Annotated[
        str,
        Param(
            help="Others than the usual limits: errors=1%,ttft=2x,tpot=50ms,alike=50%; times of the first, or 800ms."
        ),
    ] = "",
) -> "RehearsalReport":
    """Play requests at two routes, and say go or no-go.

    Recorded requests of the first route (of routes with `bodies = true`), those of a file (a body a line, or
    {"path": ..., "body": ...}), else a few of keepwell's own; in the client's own format at both routes, at temperature
    0 with a fixed seed, streamed, 256 tokens at most. Compared are errors, first text, time for each token, tokens,
    texts, and fields that are lost in translation. Through the gateway that runs, or a data plane of this command where
    none does. Ctrl-C tells what was played until then. Exit code 0 go, 1 too little evidence, 2 no-go.
    """
    from keepwell.app.rehearsing.playing import Wish
    from keepwell.app.rehearsing.playing import rehearse as play
    from keepwell.app.rehearsing.verdict import Wanted
    from keepwell.app.switching.objectives import parse_allowed

    limits, least = parse_allowed(allow, alike=Wanted().alike)
    wanted = Wanted(limits=limits, alike=least)
    wish = Wish(first=from_, second=to, file=requests, recorded=recorded, at_once=at_once, wanted=wanted)
    return await play(caller, wish)


OPERATIONS = (
    Operation(
        name="migrate rehearse", effect="change", function=rehearse, faces=("cli", "api"), view="migrate_rehearse"
    ),
)
