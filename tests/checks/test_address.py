"""address.*: port, reach, Origin, proxies, names."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.checks.address import compare_addresses, exempts
from keepwell.core.finding import Status
from keepwell.core.observation import Value, absent, failed
from tests.checks.judging import SITE, engine_seen, findings, of_engine, only, status
from tests.machines import about

GONE = absent("nothing serves")
ORIGIN: dict[str, Value] = {"status": 403, "host_status": 403, "plain_status": 200, "setting": "MADE_ORIGINS"}
REFUSED = '[GIN] 2026/01/01 - 00:00:00 | 403 |  12.3µs |  127.0.0.1 | OPTIONS  "/api/chat"'


def test_the_program_that_holds_the_port_is_named() -> None:
    sockets = about("host.sockets", ({"address": "0.0.0.0", "port": 7000, "pid": 9},))
    processes = about("host.processes", ({"pid": 9, "argv": ("python3", "-m", "http.server"), "user": "mia"},))
    seen = engine_seen(engine_process=GONE, engine_health=GONE)
    found = only("address.port_free", sockets, processes, *seen)
    assert found.status is Status.CRITICAL
    assert (found.facts["holder_pid"], found.facts["holder_user"], found.facts["port"]) == ("9", "mia", "7000")
    assert "http.server" in found.facts["holder_program"]
    assert findings("address.port_free", sockets, processes, *engine_seen()) == []
    assert findings("address.port_free", processes, *seen) == []


def test_a_holder_that_cannot_be_seen_is_told_so() -> None:
    """It is another user's, or has ended since the sockets were listed."""
    sockets = about("host.sockets", ({"address": "0.0.0.0", "port": 7000, "pid": 9},))
    found = only("address.port_free", sockets, *engine_seen(engine_process=GONE, engine_health=GONE))
    assert "cannot see" in found.message
    assert "holder_how" not in found.facts


@pytest.mark.parametrize(
    ("argv", "kind", "how"),
    [
        (("/usr/bin/docker-proxy", "-proto", "tcp"), "container", "docker ps --filter publish=7000"),
        (("ssh", "-N", "-L", "7000:localhost:80", "far"), "forward", "ps -o args= -p 9"),
        (("/usr/lib/systemd/systemd", "--user"), "socket-unit", "systemctl list-sockets"),
        (("/usr/bin/ollama", "serve"), "engine", "another port"),
        (("/usr/bin/ollama", "runner", "--model", "/x"), "orphan", "nothing is lost"),
        (("python3", "-m", "http.server"), "other", "-p 9"),
    ],
)
def test_what_holds_the_port_is_known_and_its_owner_told(argv: tuple[str, ...], kind: str, how: str) -> None:
    sockets = about("host.sockets", ({"address": "0.0.0.0", "port": 7000, "pid": 9},))
    processes = about("host.processes", ({"pid": 9, "parent_pid": 1, "argv": argv, "user": "mia"},))
    seen = engine_seen(engine_process=GONE, engine_health=GONE)
    found = only("address.port_free", sockets, processes, *seen)
    assert found.facts["holder_kind"] == kind
    assert how in found.facts["holder_how"]
    assert found.facts["holder_how"] in found.message


@pytest.mark.parametrize(
    ("listening", "host", "port", "kind"),
    [
        (("127.0.0.1:7000",), "127.0.0.1", "7000", ""),
        (("0.0.0.0:7000",), "192.168.1.9", "7000", ""),
        (("[::]:7000",), "127.0.0.1", "7000", ""),
        (("127.0.0.1:7000",), "localhost", "7000", ""),
        (("127.0.0.1:7000",), "192.168.1.9", "7000", "loopback-only"),
        (("127.0.0.2:7000",), "127.0.0.1", "7000", "other-address"),
        (("192.168.1.9:7000",), "192.168.1.10", "7000", "other-address"),
        (("127.0.0.1:7001", "127.0.0.1:7002"), "127.0.0.1", "7000", "other-port"),
    ],
)
def test_where_it_listens_is_compared_with_where_it_is_asked(
    listening: tuple[str, ...], host: str, port: str, kind: str
) -> None:
    assert compare_addresses(host, port, listening) == kind


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_an_engine_that_listens_where_it_is_asked_is_reachable(address: ipaddress.IPv4Address, port: int) -> None:
    assert compare_addresses(str(address), str(port), (f"{address}:{port}",)) == ""
    assert compare_addresses(str(address), str(port), (f"0.0.0.0:{port}",)) == ""


def test_the_facts_of_an_engine_out_of_reach() -> None:
    seen = engine_seen(engine_site={**SITE, "url": "http://192.168.1.9:7000"}, engine_listening=("127.0.0.1:7000",))
    found = only("address.reachable", *seen)
    assert found.status is Status.CRITICAL
    assert (found.facts["kind"], found.facts["asked"], found.facts["listening"]) == (
        "loopback-only",
        "192.168.1.9:7000",
        "127.0.0.1:7000",
    )


def test_refusing_strangers_alone_is_no_fault() -> None:
    check = of_engine("engine.origin_check", ORIGIN)
    own = of_engine("log.text", {"lines": (REFUSED.replace("/api/chat", "/v1/models?keepwell=origin"),)})
    assert status("address.origin", check, own, *engine_seen()) is Status.OK


def test_a_client_that_was_refused_is_told() -> None:
    check = of_engine("engine.origin_check", ORIGIN)
    log = of_engine("log.text", {"lines": ("fine", REFUSED)})
    found = only("address.origin", check, log, *engine_seen())
    assert (found.status, found.facts["kind"], found.facts["count"]) == (Status.WARNING, "origin", "1")
    host_only = of_engine("engine.origin_check", {**ORIGIN, "status": 200})
    assert only("address.origin", host_only, log, *engine_seen()).facts["kind"] == "host"
    open_now = of_engine("engine.origin_check", {**ORIGIN, "status": 200, "host_status": 200})
    assert status("address.origin", open_now, log, *engine_seen()) is Status.OK


def test_an_origin_that_the_owner_expects_must_be_taken() -> None:
    expected = ({"origin": "https://chat.lan", "status": 403}, {"origin": "https://b.lan", "status": 200})
    settings = {"MADE_ORIGINS": {"value": "https://a.lan"}}
    seen = engine_seen(engine_settings=settings)
    found = only("address.origin", of_engine("engine.origin_check", {**ORIGIN, "expected": expected}), *seen)
    assert (found.status, found.facts["origin"]) == (Status.WARNING, "https://chat.lan")
    assert (found.facts["setting"], found.facts["wished"]) == ("MADE_ORIGINS", "https://a.lan,https://chat.lan")


def test_a_proxy_that_catches_local_addresses_is_told_with_the_remedy() -> None:
    proxy = about("host.proxy", {"shell": {"HTTP_PROXY": "http://p:1", "NO_PROXY": ".lan"}})
    found = only("address.proxy", proxy, *engine_seen())
    assert (found.status, found.facts["variable"], found.facts["where"]) == (Status.WARNING, "HTTP_PROXY", "shell")
    after = about("host.proxy", {"shell": {"HTTP_PROXY": "http://p:1", "NO_PROXY": found.facts["wished"]}})
    assert status("address.proxy", after, *engine_seen()) is Status.OK
    assert ".lan" in found.facts["wished"]


def test_a_proxy_for_https_alone_catches_no_plain_engine() -> None:
    assert (
        findings("address.proxy", about("host.proxy", {"shell": {"https_proxy": "http://p:1"}}), *engine_seen()) == []
    )


@pytest.mark.parametrize(
    ("no_proxy", "host", "exempt"),
    [
        ("", "127.0.0.1", False),
        ("*", "127.0.0.1", True),
        ("localhost,127.0.0.1", "127.0.0.1", True),
        ("127.0.0.0/8", "127.0.0.1", True),
        (".lan", "gpu.lan", True),
        ("lan", "gpu.lan", True),
        ("gpu", "gpu.lan", False),
        (" 10.0.0.0/8 , x", "10.1.2.3", True),
        ("10.0.0.0/33", "10.1.2.3", False),
    ],
)
def test_no_proxy_is_read_as_clients_do(no_proxy: str, host: str, exempt: bool) -> None:
    assert exempts(no_proxy, host) is exempt


def test_a_name_without_an_address_is_told() -> None:
    assert status("address.names", about("host.names", {"localhost": ()})) is Status.CRITICAL
    six = about("host.names", {"localhost": ("::1",)})
    assert status("address.names", six) is Status.OK
    assert status("address.names", six, *engine_seen(engine_listening=("127.0.0.1:7000",))) is Status.WARNING
    assert status("address.names", six, *engine_seen(engine_listening=("[::]:7000",))) is Status.OK
    assert findings("address.names", about("host.names", failed("no"))) == []
