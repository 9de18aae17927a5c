"""One address for every model."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.serving.explaining import RouteReport


async def gateway(
    caller: Caller,
    *,
    listen: Annotated[
        str,
        Param(help="Where clients ask, several with commas; 0.0.0.0:PORT is all networks. Usually 127.0.0.1:4000."),
    ] = "",
    declared: Annotated[bool, Param(help="Only engines of keepwell.toml, none that are merely found.")] = False,
    insecure: Annotated[bool, Param(help="Let other machines ask without a key.")] = False,
    restart: Annotated[bool, Param(help="Let the one that runs start again; no stream is cut.")] = False,
    wait: Annotated[
        float, Param(help="Wait so many seconds for an address that another program holds.", minimum=0, maximum=86400)
    ] = 0.0,
) -> None:
    """Serve every model of every engine at one address.

    OpenAI's, Ollama's and Anthropic's paths, each sent to an engine that speaks it. Engines of this machine are found,
    those of others come from keepwell.toml; models that come and go are noticed. A replica that fails is left for
    another before anything is sent; which one answered stands in the answer's headers. Runs until Ctrl-C.
    """
    from keepwell.app.serving.gatekeeping import restart_gateway, run_gateway
    from keepwell.app.serving.offering import GatewayOptions

    if restart:
        await restart_gateway(caller)
        return
    listens = tuple(one.strip() for one in listen.split(",") if one.strip())
    options = GatewayOptions(listen=listens, insecure=insecure, declared=declared, wait_seconds=wait)
    await run_gateway(caller, options)


async def route(
    caller: Caller,
    *,
    model: Annotated[str, Param(help="The model's name, as clients write it.", position=True)],
    key: Annotated[str, Param(help="For a request with this client's key, by name.")] = "",
) -> "RouteReport":
    """Tell where a request for a model would go, and why.

    Sends nothing to any engine: the running gateway tells which route the name means and by which rules it chooses,
    lists the candidates, who is out and why, who would be chosen, and what would be tried after them.
    """
    from keepwell.app.serving import explaining

    return await explaining.explain_route(caller, model, key)


OPERATIONS = (
    Operation(name="gateway", effect="change", function=gateway, faces=("cli",)),
    Operation(
        name="route",
        effect="read",
        function=route,
        for_models=ForModels(words="route which where goes answer alias fallback model", takes=("model",)),
    ),
)
