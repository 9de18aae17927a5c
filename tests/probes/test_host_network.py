"""Interfaces and networks by role: what `ip` and sysfs tell, and what the owner declared."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.config.model import NetworkEntry
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import node
from keepwell.core.values import rows_of
from keepwell.formats.addresses import Counters, parse_ip_addresses, parse_net_dev
from keepwell.plugins.networks import which_network
from keepwell.plugins.place import Place
from keepwell.probes.host_network import IP, PROBE
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode

ANSWER = json.dumps(
    [
        {"ifname": "lo", "flags": ["LOOPBACK", "UP"], "operstate": "UNKNOWN", "link_type": "loopback", "mtu": 65536},
        {
            "ifname": "eno1",
            "flags": ["UP", "LOWER_UP"],
            "operstate": "UP",
            "link_type": "ether",
            "mtu": 1500,
            "addr_info": [
                {"local": "192.168.1.20", "prefixlen": 24, "scope": "global"},
                {"local": "fe80::1", "prefixlen": 64, "scope": "link"},
            ],
        },
        {
            "ifname": "enp65s0",
            "flags": ["UP"],
            "operstate": "DOWN",
            "mtu": 9000,
            "master": "br0",
            "addr_info": [{"local": "10.0.0.20", "prefixlen": 16, "scope": "global"}],
        },
        {"ifname": "veth12", "flags": ["UP"], "operstate": "UP"},
    ]
)
NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
  eno1: 1000      10    1    2    0     0          0         0      500       5    3    4    0     0       0          0
"""
NETWORKS = (
    NetworkEntry(node="box", role="lan", address="192.168.1.20"),
    NetworkEntry(node="box", role="fast", interface="enp65s0", mbit_per_s=100_000.0),
    NetworkEntry(node="box", role="storage", interface="gone0"),
)


def machine() -> RecordedNode:
    box = RecordedNode()
    box.answer(IP, ANSWER)
    box.files.put("/proc/net/dev", NET_DEV)
    for name in ("eno1", "enp65s0"):
        box.files.put(f"/sys/class/net/{name}/type", "1\n")
        box.files.put(f"/sys/class/net/{name}/device/vendor", "0x8086\n")
    box.files.put("/sys/class/net/eno1/speed", "1000\n")
    box.files.put("/sys/class/net/eno1/duplex", "full\n")
    box.files.put("/sys/class/net/enp65s0/speed", "-1\n")
    box.files.put("/sys/class/net/lo/type", "772\n")
    return box


async def look(box: RecordedNode, *networks: NetworkEntry) -> Seen:
    return Seen(await PROBE.observe(Place(node=node("box"), transport=box, clock=FakeClock(), networks=networks)))


async def test_interfaces_with_speed_kind_and_what_they_lost() -> None:
    seen = await look(machine(), *NETWORKS)
    rows = {str(row["name"]): row for row in rows_of(seen.value(node("box"), "host.interfaces"))}
    assert list(rows) == ["lo", "eno1", "enp65s0"]
    assert rows["lo"]["kind"] == "loopback"
    eno1 = rows["eno1"]
    assert (eno1["state"], eno1["mbit_per_s"], eno1["kind"]) == ("up", 1000, "ethernet")
    assert (eno1["errors"], eno1["drops"], eno1["packets"], eno1["bytes"]) == (4, 6, 15, 1500)
    assert eno1["addresses"] == ("192.168.1.20/24",)
    assert rows["enp65s0"]["state"] == "down"
    assert "mbit_per_s" not in rows["enp65s0"]


async def test_networks_are_found_by_interface_or_address() -> None:
    seen = await look(machine(), *NETWORKS)
    lan, fast, storage = rows_of(seen.value(node("box"), "host.networks"))
    assert (lan["interface"], lan["address"]) == ("eno1", "192.168.1.20")
    assert (fast["interface"], fast["mbit_per_s"]) == ("enp65s0", 100_000.0)
    assert "interface" not in storage


async def test_without_declared_networks_and_without_ip_the_reason_is_told() -> None:
    seen = await look(machine())
    networks = seen.value(node("box"), "host.networks")
    assert isinstance(networks, Missing)
    assert networks.kind == "absent"
    nothing = (await look(RecordedNode(), *NETWORKS)).value(node("box"), "host.interfaces")
    assert isinstance(nothing, Missing)


@pytest.mark.parametrize(
    ("where", "role"),
    [
        ("eno1", "lan"),
        ("192.168.1.20", "lan"),
        ("192.168.1.99", "lan"),
        ("10.0.77.1", "fast"),
        ("enp65s0", "fast"),
        ("8.8.8.8", ""),
        ("lo", ""),
        ("no address", ""),
    ],
)
async def test_which_network_an_address_lies_in(where: str, role: str) -> None:
    assert which_network(await look(machine(), *NETWORKS), node("box"), where) == role


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_counters_or_nothing(text: str) -> None:
    parse_net_dev(text)
    try:
        parse_ip_addresses(text)
    except ValueError:
        return


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=16, max_size=16))
def test_counters_add_both_directions(numbers: list[int]) -> None:
    line = f"  eth0:{' '.join(map(str, numbers))}"
    assert parse_net_dev(line)["eth0"] == Counters(
        bytes=numbers[0] + numbers[8],
        packets=numbers[1] + numbers[9],
        errors=numbers[2] + numbers[10],
        drops=numbers[3] + numbers[11],
    )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["ifname", "flags", "mtu", "addr_info", "operstate"]),
            st.none() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2),
        ),
        max_size=4,
    )
)
def test_any_json_is_a_list_of_interfaces(rows: list[dict[str, Value]]) -> None:
    assert len(parse_ip_addresses(json.dumps(rows))) <= len(rows)


def test_an_observation_of_another_shape_is_no_network() -> None:
    odd = Observation(subject=node("box"), name="host.networks", value=({"role": 1}, "x"), at=1.0, source="s")
    assert which_network(Seen([odd]), node("box"), "10.0.0.1") == ""
