"""Engines that are started later: told by what listens, looked for again a few times, and not all the time."""

from __future__ import annotations

import socket
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.serving.arrivals import LOOK_SECONDS, LOOKS, Arrivals, find_listening, parse_listening
from keepwell.testing.node import RecordedNode
from keepwell.transport.local import LocalTransport

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def table(*ports: int) -> bytes:
    rows = [f"   0: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0 1" for port in ports]
    talk = "   9: 0100007F:2CAA 0100007F:9999 01 00000000:00000000 00:00000000 0 0 0 1"
    return (HEAD + "\n".join([*rows, talk]) + "\n").encode()


async def test_a_new_listener_is_looked_for_a_few_times() -> None:
    node = RecordedNode()
    node.files.put("/proc/net/tcp", table(4000))
    arrivals = Arrivals(node)
    now = 1000.0
    assert not await arrivals.is_due(now), "the caller has just looked"
    now += LOOK_SECONDS
    assert not await arrivals.is_due(now), "nobody new"
    node.files.put("/proc/net/tcp", table(4000, 11434))
    assert not await arrivals.is_due(now + 1.0), "not all the time"
    said = []
    for _ in range(LOOKS + 2):
        now += LOOK_SECONDS
        said.append(await arrivals.is_due(now))
    assert said == [True] * LOOKS + [False] * 2


async def test_who_goes_is_no_arrival() -> None:
    node = RecordedNode()
    node.files.put("/proc/net/tcp", table(4000, 11434))
    arrivals = Arrivals(node)
    await arrivals.is_due(1000.0)
    node.files.put("/proc/net/tcp", table(4000))
    assert not await arrivals.is_due(1000.0 + LOOK_SECONDS)


async def test_where_nothing_tells_every_look_is_due() -> None:
    arrivals = Arrivals(RecordedNode())
    assert not await arrivals.is_due(1000.0)
    assert await arrivals.is_due(1000.0 + LOOK_SECONDS)
    assert await arrivals.is_due(1000.0 + 9 * LOOK_SECONDS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
async def test_a_real_listener_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = await find_listening(LocalTransport())
    assert found is not None
    assert f"0100007F:{port:04X}" in found


@given(st.text())
def test_any_text_is_a_table_of_something_or_of_nothing(text: str) -> None:
    assert all(isinstance(one, str) for one in parse_listening(text))
