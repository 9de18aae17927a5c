"""A node's networks as checks need them: the interface of an address, and the one that ranks ought to use. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref, node
from keepwell.core.values import rows_of, text_of, texts_of

#: Roles of networks that ranks of one model ought to talk over, the best first.
RANK_ROLES = ("fast", "cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network of a node: interface, its first address, its role ("" where none is declared), kind and state."""

    interface: str
    address: str
    role: str = ""
    kind: str = ""
    state: str = ""


def list_networks(seen: Seen, subject: Ref) -> Iterator[Network]:
    """Every interface of the subject's node with each of its addresses; one without any has "" once."""
    for row in rows_of(seen.value(node(subject.node), "host.interfaces")):
        addresses = [one.partition("/")[0] for one in texts_of(row.get("addresses"))]
        for address in addresses or [""]:
            yield _network(row, address)


def find_network(seen: Seen, subject: Ref, address: str) -> Network | None:
    """The network that has this address."""
    return next((one for one in list_networks(seen, subject) if one.address == address), None)


def find_interface(seen: Seen, subject: Ref, name: str) -> Network | None:
    """The network of the interface of this name."""
    return next((one for one in list_networks(seen, subject) if one.interface == name), None)


def which_network(seen: Seen, subject: Ref, where: str) -> str:
    """The role of the network that an interface's name, an address of the node, or another's address in the same
    subnet belongs to; "" where none was declared for it. Of several subnets that hold it, the narrowest counts.
    """
    roles = {
        text_of(row, "interface"): text_of(row, "role")
        for row in rows_of(seen.value(node(subject.node), "host.networks"))
        if text_of(row, "interface")
    }
    if where in roles:
        return roles[where]
    try:
        address = ipaddress.ip_address(where)
    except ValueError:
        return ""
    found: list[tuple[int, str]] = []
    for row in rows_of(seen.value(node(subject.node), "host.interfaces")):
        for one in texts_of(row.get("addresses")):
            subnet = _subnet(one)
            if subnet is not None and address in subnet:
                found.append((subnet.prefixlen, roles.get(text_of(row, "name"), "")))
    return max(found, default=(0, ""))[1]


def wished_network(seen: Seen, subject: Ref) -> Network | None:
    """The network that was declared for ranks: "fast" before "cluster"; None where neither was."""
    rows = rows_of(seen.value(node(subject.node), "host.networks"))
    for role in RANK_ROLES:
        for row in rows:
            if text_of(row, "role") == role:
                return Network(interface=text_of(row, "interface"), address=_bare(text_of(row, "address")), role=role)
    return None


def _subnet(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _network(row: Mapping[str, Value], address: str) -> Network:
    return Network(
        interface=text_of(row, "name"), address=address, kind=text_of(row, "kind"), state=text_of(row, "state")
    )


def _bare(address: str) -> str:
    return address.partition("/")[0]
