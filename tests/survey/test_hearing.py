"""Which addresses are asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Seen, Value, failed
from keepwell.core.ref import node
from keepwell.plugins.recognise import load_engines
from keepwell.survey.expected import Expected
from keepwell.survey.hearing import ADDRESSES, Address, choose_addresses, split_url
from tests.machines import about

NODE = node("node")


def chosen(
    sockets: Value, *expected: str, silent: frozenset[int] = frozenset(), containers: Value = ()
) -> list[Address]:
    seen = Seen([about("host.sockets", sockets), about("host.containers", containers)])
    wanted = [Expected(engine="ollama", url=url, declared=True) for url in expected]
    return list(choose_addresses(NODE, seen, load_engines(), wanted, silent))


def socket(port: int, pid: int = 5, address: str = "127.0.0.1") -> dict[str, Value]:
    return {"address": address, "port": port, "pid": pid}


def test_what_is_expected_comes_first_then_well_known_ports_then_the_rest() -> None:
    sockets = (socket(9999), socket(11434), socket(7777))
    assert [one.port for one in chosen(sockets, "http://127.0.0.1:7777")] == [7777, 11434, 9999]


def test_a_wildcard_is_asked_at_loopback_once() -> None:
    sockets = (socket(11434, address="0.0.0.0"), socket(11434, address="::"))
    assert chosen(sockets) == [Address("127.0.0.1", 11434, 5)]


def test_other_services_and_silent_processes_are_left_alone() -> None:
    sockets = (socket(22), socket(5432), socket(8080, pid=6), socket(8000, pid=7))
    found = chosen(sockets, "http://127.0.0.1:8080", silent=frozenset({6}))
    assert [one.port for one in found] == [8000]


def test_a_port_of_an_ssh_server_is_asked_nowhere() -> None:
    rows = ({"pid": 9, "argv": ("sshd: /usr/sbin/sshd -D [listener]",)}, {"pid": 8, "argv": ("/srv/sshd-board", "run")})
    sockets = (socket(2222, pid=9), socket(2222, pid=0, address="127.0.0.9"), socket(9000, pid=8))
    seen = Seen([about("host.sockets", sockets), about("host.processes", rows)])
    found = choose_addresses(NODE, seen, load_engines(), (), frozenset())
    assert [one.port for one in found] == [9000]


def test_published_ports_of_containers_are_asked_though_nothing_seems_to_listen() -> None:
    box = ({"name": "llm", "ports": ({"address": "0.0.0.0", "port": 3000},)},)
    assert [one.url for one in chosen((), containers=box)] == ["http://127.0.0.1:3000"]


def test_where_sockets_are_hidden_the_well_known_ports_are_asked_blindly() -> None:
    found = choose_addresses(NODE, Seen([about("host.sockets", failed("no"))]), load_engines(), (), frozenset())
    assert {11434, 8000, 8080} <= {one.port for one in found}


def test_there_is_a_limit() -> None:
    assert len(chosen(tuple(socket(20000 + number) for number in range(500)))) == ADDRESSES


@given(st.text())
def test_any_url_splits_without_an_error(url: str) -> None:
    assert 0 <= split_url(url).port <= 65535


def test_an_ipv6_address_is_written_with_brackets() -> None:
    assert Address("::1", 80).url == "http://[::1]:80"
    assert split_url("http://[::1]:80") == Address("::1", 80)
    assert split_url("https://gpu.lan") == Address("gpu.lan", 443)
