"""One address for every model."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.clients import RequestsReport, RouteReport


async def gateway(
    caller: Caller,
    *,
    listen: Annotated[
        str,
        Param(help="Where clients ask, several with commas; 0.0.0.0:PORT is all networks. Usually 127.0.0.1:4000."),
    ] = "",
    declared: Annotated[bool, Param(help="Only engines of keepwell.toml, none that are merely found.")] = False,
    insecure: Annotated[bool, Param(help="Let other machines ask without a key.")] = False,
) -> None:
    """Serve every model of every engine at one address.

    OpenAI's, Ollama's and Anthropic's paths, each sent to an engine that speaks it. Engines of this machine are found,
    those of others come from keepwell.toml; models that come and go are noticed. A replica that fails is left for
    another before anything is sent; which one answered stands in the answer's headers. Runs until Ctrl-C.
    """
    from keepwell.app.gatekeeping import run_gateway
    from keepwell.app.offering import GatewayOptions

    listens = tuple(one.strip() for one in listen.split(",") if one.strip())
    options = GatewayOptions(listen=listens, insecure=insecure, declared=declared)
    await run_gateway(caller, options)


async def requests(
    caller: Caller,
    *,
    last: Annotated[int, Param(help="How many of the newest.", minimum=1, maximum=10000)] = 20,
    follow: Annotated[bool, Param(help="Tell new ones as they end, until Ctrl-C.", short="-f")] = False,
) -> "RequestsReport | None":
    """List requests that the gateway served, and who answered.

    Whose key, which model was asked and which answered, where, how fast, how many tokens; no text of any request.
    """
    from keepwell.app import clients

    return await clients.list_requests(caller, last=last, follow=follow)


async def route(
    caller: Caller,
    *,
    model: Annotated[str, Param(help="The model's name, as clients write it.", position=True)],
) -> "RouteReport":
    """Tell where a request for a model would go, and why.

    Sends nothing to any engine: the running gateway lists the candidates, who is out and why, who would be chosen.
    """
    from keepwell.app import clients

    return await clients.explain_route(caller, model)


OPERATIONS = (
    Operation(name="gateway", effect="change", function=gateway, faces=("cli",)),
    Operation(name="requests", effect="read", function=requests, faces=("cli",)),
    Operation(name="route", effect="read", function=route),
)
