"""The main job: how this machine stands, one address for its models, and the numbers of all nodes."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.serving.up_unit import UpReport


async def up(
    caller: Caller,
    *,
    listen: Annotated[
        str,
        Param(help="Where clients ask, several with commas; 0.0.0.0:PORT is all networks. Usually 127.0.0.1:4000."),
    ] = "",
    declared: Annotated[bool, Param(help="Serve only engines of keepwell.toml, none that are merely found.")] = False,
    insecure: Annotated[bool, Param(help="Let other machines ask without a key.")] = False,
    print_unit: Annotated[bool, Param(help="Print a hardened systemd unit for it, and do nothing else.")] = False,
) -> "UpReport | None":
    """Say how this machine stands, then serve its models.

    Looks as `keepwell diagnose` does and tells the outcome in a few lines; then it is `keepwell gateway` until Ctrl-C,
    and beside it the hub, a process of its own: it collects the numbers of all nodes, keeps and judges them. Each is
    started again when it ends, and neither waits for the other.
    """
    from keepwell.app.serving.going_up import go_up
    from keepwell.app.serving.offering import GatewayOptions
    from keepwell.app.serving.up_unit import print_unit as make_unit

    listens = tuple(one.strip() for one in listen.split(",") if one.strip())
    options = GatewayOptions(listen=listens, insecure=insecure, declared=declared)
    if print_unit:
        return make_unit(caller, options)
    await go_up(caller, options)
    return None


OPERATIONS = (Operation(name="up", effect="change", function=up, faces=("cli",)),)
