"""Made nodes whose network is wrong: links too slow, down, half, of another MTU, with a bad cable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keepwell.testing.gym.made.changes import Change
from keepwell.testing.gym.made.state import MadeState
from keepwell.testing.gym.made.world import made

CLUSTER = ("cluster-node",)


def link(name: str, **values: Any) -> Change:
    """One interface with other values."""

    def change(state: MadeState) -> None:
        state.links = [replace(one, **values) if one.name == name else one for one in state.links]

    return change


def _broken_packets(state: MadeState) -> None:
    link(state.links[1].name, errors=480_000)(state)


FAULTS = (
    made(
        "link-slow",
        "The link of the ranks' network was negotiated at a hundredth of its speed",
        on=CLUSTER,
        change=link("enp65s0", mbit_per_s=1000),
        causes=("network-link-degraded",),
        check="network.speed",
        touches=("cluster link",),
    ),
    made(
        "link-half-duplex",
        "The LAN's link runs at half duplex",
        on=CLUSTER,
        change=link("eno1", duplex="half"),
        causes=("network-link-degraded",),
        check="network.speed",
        touches=("lan link",),
    ),
    made(
        "link-down",
        "The interface of the ranks' network is down",
        on=CLUSTER,
        change=link("enp65s0", up=False),
        causes=("network-link-degraded",),
        check="network.present",
        touches=("cluster link",),
    ),
    made(
        "mtu-differs",
        "A port of a bridge has another MTU than the bridge",
        on=CLUSTER,
        change=link("enp66s0", mtu=1500),
        causes=("network-link-degraded",),
        check="network.mtu",
        touches=("bridge",),
    ),
    made(
        "packets-broken",
        "A bad cable breaks one packet in a hundred",
        on=(*CLUSTER, "ollama-box"),
        change=_broken_packets,
        causes=("network-link-degraded",),
        check="network.errors",
        touches=("lan link",),
    ),
)
