"""One address for every model."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param
from keepwell.core.errors import ConfigurationError

if TYPE_CHECKING:
    from keepwell.app.clients import KeysReport, RequestsReport, RouteReport


async def gateway(
    caller: Caller,
    *,
    listen: Annotated[
        str, Param(help="Where clients ask: IP address and port; 0.0.0.0 is all networks of this machine.")
    ] = "127.0.0.1:4000",
    declared: Annotated[bool, Param(help="Only engines of keepwell.toml, none that are merely found.")] = False,
    insecure: Annotated[bool, Param(help="Let other machines ask without a key.")] = False,
) -> None:
    """Serve every model of every engine at one address.

    OpenAI's, Ollama's and Anthropic's paths, each sent to an engine that speaks it. Engines of this machine are found,
    those of others come from keepwell.toml; models that come and go are noticed. A replica that fails is left for
    another before anything is sent; which one answered stands in the answer's headers. Runs until Ctrl-C.
    """
    from keepwell.app.gatekeeping import GatewayOptions, run_gateway

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"{listen!r} is no address with a port", hint="write it like 127.0.0.1:4000")
    options = GatewayOptions(host=host.strip("[]"), port=int(port), insecure=insecure, declared=declared)
    await run_gateway(caller, options)


async def key(
    caller: Caller,
    *,
    action: Annotated[str, Param(help="list, new or revoke.", position=True)] = "list",
    name: Annotated[str, Param(help="The key's name.", position=True)] = "",
    priority: Annotated[str, Param(help="Who goes first in a queue: interactive, normal or batch.")] = "normal",
    per_minute: Annotated[int, Param(help="Requests a minute; 0 is no limit.", minimum=0)] = 0,
    tokens_per_minute: Annotated[int, Param(help="Tokens a minute; 0 is no limit.", minimum=0)] = 0,
    at_once: Annotated[int, Param(help="Requests at once; 0 is no limit.", minimum=0)] = 0,
) -> "KeysReport":
    """List, make or revoke the keys of the gateway's clients.

    A new key's secret is shown once and kept nowhere; a running gateway knows new and revoked keys at once.
    """
    import time

    from keepwell.app import clients
    from keepwell.store.keys import Key

    if action == "list":
        return clients.list_keys(caller)
    if action not in ("new", "revoke"):
        raise ConfigurationError(f"{action!r} is nothing that can be done", hint="write list, new or revoke")
    if not name:
        raise ConfigurationError("the key needs a name", hint=f"keepwell key {action} NAME")
    if action == "revoke":
        return clients.revoke_key(caller, name)
    wished = Key(
        name=name,
        digest="",
        priority=clients.parse_priority(priority),
        per_minute=per_minute,
        tokens_per_minute=tokens_per_minute,
        at_once=at_once,
    )
    return clients.new_key(caller, wished, time.time())


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
    Operation(name="key", effect="change", function=key, faces=("cli",)),
    Operation(name="requests", effect="read", function=requests, faces=("cli",)),
    Operation(name="route", effect="read", function=route),
)
