"""Network interfaces with their negotiated speed, and the node's networks by the role that the owner gave them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from keepwell.config.model import NetworkEntry
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.text import escape_controls
from keepwell.core.values import text_of, texts_of
from keepwell.formats.addresses import Counters, Interface, parse_ip_addresses, parse_net_dev
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

IP = ("ip", "-j", "address")
CLASS = "/sys/class/net"
#: Interfaces asked for their speed; the ends of containers' networks (veth) have none worth asking.
ASKED = 64
#: Kernel's numbers of link types (if_arp.h) that tell a kind.
_TYPES = {"772": "loopback", "32": "infiniband", "65534": "tunnel", "768": "tunnel", "769": "tunnel", "778": "tunnel"}


class HostNetwork:
    """Gives host.interfaces, and host.networks where any network of this node was declared."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("host.interfaces", "host.networks")
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Two observations; failed where there is no `ip`."""
        source = "ip -j address, /sys/class/net"
        try:
            interfaces = parse_ip_addresses((await place.transport.run(IP)).text)
        except (AccessError, ValueError) as error:
            reason = failed(str(error))
            if isinstance(error, AccessError):
                reason = failed(error)
            return [place.saw(name, reason, source) for name in self.gives]
        counters = await _read_counters(place.transport)
        rows = await asyncio.gather(*(_row(one, counters, place.transport) for one in _worth_asking(interfaces)))
        networks: Value | Missing = networks_by_role(rows, place.networks)
        if not place.networks:
            networks = absent("no [[network]] of this node is declared")
        return [
            place.saw("host.interfaces", tuple(rows), source),
            place.saw("host.networks", networks, "keepwell.toml"),
        ]


def networks_by_role(rows: Sequence[Mapping[str, Value]], declared: Iterable[NetworkEntry]) -> tuple[Value, ...]:
    """The declared networks with the interface and address that they are here; what is not here is left out."""
    found: list[Value] = []
    for one in declared:
        row: dict[str, Value] = {"role": one.role, "declared": one.interface or one.address}
        if one.mbit_per_s:
            row["mbit_per_s"] = one.mbit_per_s
        match = next((each for each in rows if _is_it(each, one)), None)
        if match is not None:
            row["interface"] = text_of(match, "name")
            addresses = [each.partition("/")[0] for each in texts_of(match.get("addresses"))]
            shown = [each for each in addresses if each == one.address] or addresses
            row["address"] = "".join(shown[:1])
        found.append(row)
    return tuple(found)


def _is_it(row: Mapping[str, Value], entry: NetworkEntry) -> bool:
    if entry.interface:
        return text_of(row, "name") == entry.interface
    return entry.address in [one.partition("/")[0] for one in texts_of(row.get("addresses"))]


def _worth_asking(interfaces: Iterable[Interface]) -> list[Interface]:
    return [one for one in interfaces if not one.name.startswith("veth")][:ASKED]


async def _read_counters(transport: Transport) -> Mapping[str, Counters]:
    try:
        return parse_net_dev((await transport.read("/proc/net/dev")).decode("ascii", "replace"))
    except AccessError:
        return {}


async def _row(one: Interface, counters: Mapping[str, Counters], transport: Transport) -> Mapping[str, Value]:
    kind, speed, duplex = await asyncio.gather(
        _kind(one, transport),
        _word(f"{CLASS}/{one.name}/speed", transport),
        _word(f"{CLASS}/{one.name}/duplex", transport),
    )
    row: dict[str, Value] = {
        "name": escape_controls(one.name),
        "state": {True: "up", False: "down"}[one.up],
        "kind": kind,
        "addresses": tuple(map(escape_controls, one.addresses)),
    }
    if one.mtu:
        row["mtu"] = one.mtu
    if one.master:
        row["master"] = escape_controls(one.master)
    if speed.isdecimal() and 0 < int(speed[:9]) < 10_000_000:
        row["mbit_per_s"] = int(speed)
    if duplex in ("full", "half"):
        row["duplex"] = duplex
    if one.name in counters:
        seen = counters[one.name]
        row |= {"bytes": seen.bytes, "packets": seen.packets, "errors": seen.errors, "drops": seen.drops}
    return row


async def _kind(one: Interface, transport: Transport) -> str:
    """loopback, wireless, bridge, ethernet (a card), infiniband, tunnel, or virtual."""
    folder = f"{CLASS}/{one.name}"
    number = await _word(f"{folder}/type", transport)
    if one.link == "loopback" or number in _TYPES:
        return _TYPES.get(number, "loopback")
    names: Sequence[str] = ()
    try:
        names = await transport.list(folder)
    except AccessError:
        return "virtual"
    for name, kind in (("wireless", "wireless"), ("phy80211", "wireless"), ("bridge", "bridge"), ("bonding", "bond")):
        if name in names:
            return kind
    return {True: "ethernet"}.get("device" in names, "virtual")


async def _word(path: str, transport: Transport) -> str:
    """The one word in a file of sysfs; "" where there is none (the kernel refuses to tell the speed of many)."""
    try:
        return (await transport.read(path, max_bytes=64)).decode("ascii", "replace").strip()
    except AccessError:
        return ""


PROBE = HostNetwork()
