"""Engines and services of a network, by address."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.discovering import DiscoverReport


async def discover(
    caller: Caller,
    *,
    cidr: Annotated[str, Param(help="The network, like 192.168.1.0/24; at most a /22.")],
    ports: Annotated[str, Param(help="Ports to ask, like 11434,8000-8003, instead of the usual ones.")] = "",
    timeout: Annotated[str, Param(help="When to stop, whatever is left: 20s, 2m.")] = "20s",
    i_own_this_network: Annotated[bool, Param(help="Look although the network is public.")] = False,
) -> "DiscoverReport":
    """Find engines and services in a network.

    Prints them by address, with entries for keepwell.toml. One connection to each usual port of each address, a few
    requests where one is open, never more than 96 at once.
    Nothing is asked unless this command is given. Ctrl-C ends it with what was found so far.
    """
    from keepwell.app.discovering import discover_network

    return await discover_network(caller, cidr=cidr, ports=ports, timeout=timeout, owned=i_own_this_network)


OPERATIONS = (Operation(name="discover", effect="read", function=discover, faces=("cli", "api"), heavy=True),)
