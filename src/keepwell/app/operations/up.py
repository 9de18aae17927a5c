"""The main job: how this machine stands, and one address for its models."""

from typing import Annotated

from keepwell.app.operation import Caller, Operation, Param


async def up(
    caller: Caller,
    *,
    listen: Annotated[
        str,
        Param(help="Where clients ask, several with commas; 0.0.0.0:PORT is all networks. Usually 127.0.0.1:4000."),
    ] = "",
    declared: Annotated[bool, Param(help="Serve only engines of keepwell.toml, none that are merely found.")] = False,
    insecure: Annotated[bool, Param(help="Let other machines ask without a key.")] = False,
) -> None:
    """Say how this machine stands, then serve its models.

    Looks as `keepwell diagnose` does and tells the outcome in a few lines; then it is `keepwell gateway` until Ctrl-C.
    """
    from keepwell.app.serving.going_up import go_up
    from keepwell.app.serving.offering import GatewayOptions

    listens = tuple(one.strip() for one in listen.split(",") if one.strip())
    await go_up(caller, GatewayOptions(listen=listens, insecure=insecure, declared=declared))


OPERATIONS = (Operation(name="up", effect="change", function=up, faces=("cli",)),)
