"""What the gateway served."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.serving.recorded import RequestsReport


async def requests(
    caller: Caller,
    *,
    last: Annotated[int, Param(help="How many of the newest.", minimum=1, maximum=10000)] = 20,
    follow: Annotated[
        bool, Param(help="Tell new ones as they end, until Ctrl-C.", short="-f", hidden_from=("api",))
    ] = False,
    key: Annotated[str, Param(help="Only those of this key.")] = "",
    route: Annotated[str, Param(help="Only those of this route, or that asked for this model.")] = "",
    failed: Annotated[bool, Param(help="Only those that went wrong.")] = False,
    since: Annotated[str, Param(help="How far back: 30m, 6h, 2d.")] = "",
    body: Annotated[
        int,
        Param(help="This one, by its number, however old; what it asked and got, where that is kept.", guarded=True),
    ] = 0,
) -> "RequestsReport | None":
    """List requests that the gateway served, and who answered.

    Whose key, which model was asked and which answered, where, how fast, how many tokens. Texts are kept only of routes
    with `bodies = true`, without names of people and secrets; --body shows them, or the row alone.
    """
    import time

    from keepwell.app.serving import recorded

    if body:
        return recorded.show_request(caller, body)
    wanted = recorded.parse_wanted(key=key, route=route, failed=failed, since=since, now=time.time())
    return await recorded.list_requests(caller, wanted, last=last, follow=follow)


OPERATIONS = (Operation(name="requests", effect="read", function=requests, faces=("cli", "api")),)
