"""A node that is reached without SSH: the agent on it."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.agent import AgentReport


async def agent(
    caller: Caller,
    *,
    init: Annotated[
        bool, Param(help="Make certificate and token, and print what to paste into keepwell.toml.")
    ] = False,
    show: Annotated[bool, Param(help="Print what to paste again.")] = False,
    print_unit: Annotated[
        bool, Param(help="Print a hardened systemd unit for it, with what it then cannot see.")
    ] = False,
    listen: Annotated[
        str, Param(help="IP address to listen on; 0.0.0.0 is all networks of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, Param(help="TCP port to listen on.", minimum=1, maximum=65535)] = 7447,
    every: Annotated[
        float,
        Param(help="Seconds between two samples, while a hub asks for them.", minimum=1, maximum=60),
    ] = 1.0,
    allow_change: Annotated[bool, Param(help="Also change things for who asks: repairs, and any command.")] = False,
) -> "AgentReport | None":
    """Let other machines look at this one without SSH.

    Answers over TLS, with a certificate that the other side pins and a token that it must show; both are made by
    --init. Read-only, and on this machine alone, unless you say otherwise. Runs until Ctrl-C. On the other machine
    the node needs an entry with reach = "agent" in keepwell.toml, which --init and --show print. It samples numbers
    only while a hub asks for them; else it costs nothing.
    """
    from keepwell.app.agent import AgentOptions, run_agent, set_up_agent, show_agent
    from keepwell.app.agent import print_unit as make_unit

    options = AgentOptions(listen=listen, port=port, allow_change=allow_change, every_seconds=every)
    if print_unit:
        return make_unit(options)
    if init:
        return set_up_agent(caller, options)
    if show:
        return show_agent(caller, options)
    run_agent(caller, options)
    return None


OPERATIONS = (Operation(name="agent", effect="change", function=agent, faces=("cli",)),)
