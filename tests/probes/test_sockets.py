"""host.sockets: what listens, and who holds it."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.core.ref import node
from keepwell.core.values import rows_of
from keepwell.plugins.place import Place
from keepwell.probes.sockets import LSOF, PROBE, parse_address, parse_lsof, parse_ss, parse_table
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.tape import Refusal, TapeFile
from tests.machines import Machine, about, hex_address


async def test_a_listening_socket_is_told_with_the_process_that_holds_it() -> None:
    machine = Machine()
    machine.listen(700, 11434)
    machine.listen(701, 8000, "0.0.0.0", hidden=True, uid=1000)
    (seen,) = await PROBE.observe(machine.place())
    rows = rows_of(seen.value)
    assert [(row["address"], row["port"], row["pid"], row["uid"]) for row in rows] == [
        ("0.0.0.0", 8000, 0, 1000),
        ("127.0.0.1", 11434, 700, 0),
    ]


async def test_without_ss_the_descriptors_of_processes_tell_the_holder() -> None:
    machine = Machine()
    machine.process(700, ("ollama", "serve"))
    machine.listen(700, 11434)
    place = machine.place(about("host.processes", ({"pid": 1}, {"pid": 700})))
    machine.node.answer(("ss", "-H", "-l", "-t", "-n", "-p", "-e"), Refusal(kind="NotThere"))
    machine.files.put("/proc/700/fd/7", TapeFile(kind="link", target="socket:[40000]"))
    (seen,) = await PROBE.observe(place)
    assert [row["pid"] for row in rows_of(seen.value)] == [700]
    assert "/proc/*/fd" in seen.source


async def test_macos_is_read_by_lsof() -> None:
    mac = RecordedNode()
    mac.answer(LSOF, "p512\nu501\nf5\nn127.0.0.1:11434\nf6\nn[::1]:11434\np80\nu0\nf3\nn*:8080\n")
    (seen,) = await PROBE.observe(Place(node=node("mac"), transport=mac, clock=FakeClock()))
    found = [(row["address"], row["port"], row["pid"], row["uid"]) for row in rows_of(seen.value)]
    assert found == [("127.0.0.1", 11434, 512, 501), ("::1", 11434, 512, 501), ("0.0.0.0", 8080, 80, 0)]


async def test_a_table_that_may_not_be_read_is_failed() -> None:
    machine = Machine()
    place = machine.place()
    machine.files.put("/proc/net/tcp", TapeFile(refused=Refusal(kind="NotPermitted", what="no")))
    (seen,) = await PROBE.observe(place)
    assert isinstance(seen.value, Missing)
    assert seen.value.kind == "failed"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_real_socket_of_this_process_is_found(address: str) -> None:
    family = {"::1": socket.AF_INET6}.get(address, socket.AF_INET)
    transport = LocalTransport()
    with socket.socket(family, socket.SOCK_STREAM) as one:
        try:
            one.bind((address, 0))
        except OSError as error:
            pytest.skip(f"this machine has no {address}: {error}")
        one.listen()
        port = one.getsockname()[1]
        try:
            (seen,) = await PROBE.observe(Place(node=node("here"), transport=transport, clock=SystemClock()))
        finally:
            await transport.close()
    found = [row for row in rows_of(seen.value) if row["port"] == port]
    assert [(row["address"], row["pid"]) for row in found] == [(address, os.getpid())]


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_an_address_comes_back_from_the_form_of_the_kernel(address: object, port: int) -> None:
    told, _, number = hex_address(str(address), port).partition(":")
    assert parse_address(told) == str(address)
    assert int(number, 16) == port


def test_an_ipv4_address_inside_ipv6_reads_as_ipv4() -> None:
    assert parse_address("0000000000000000FFFF00000100007F") == "127.0.0.1"
    assert parse_address("00000000000000000000000000000000") == "::"


@given(st.text())
def test_any_text_reads_without_an_error(text: str) -> None:
    assert isinstance(parse_table(text), list)
    assert isinstance(parse_ss(text), dict)
    assert isinstance(parse_lsof(text), tuple)


def test_the_lowest_pid_of_a_shared_socket_counts() -> None:
    line = 'LISTEN 0 9 *:80 *:* users:(("nginx",pid=9,fd=6),("nginx",pid=7,fd=6)) ino:12 sk:2\n'
    assert parse_ss(line) == {12: 7}
