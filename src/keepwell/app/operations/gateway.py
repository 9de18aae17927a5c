"""One address for every model."""

from typing import Annotated

from keepwell.app.operation import Caller, Operation, Param


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
    from keepwell.core.errors import ConfigurationError

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"{listen!r} is no address with a port", hint="write it like 127.0.0.1:4000")
    options = GatewayOptions(host=host.strip("[]"), port=int(port), insecure=insecure, declared=declared)
    await run_gateway(caller, options)


OPERATIONS = (Operation(name="gateway", effect="change", function=gateway, faces=("cli",)),)
