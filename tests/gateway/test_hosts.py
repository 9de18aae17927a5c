"""Names and pages: a browser that was fooled gets nothing, and whoever is listed gets what it needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.gateway.hosts import Hosts


@pytest.mark.parametrize(
    "host",
    [
        *(b"localhost", b"localhost:4000", b"LocalHost:4000", b"localhost.", b"127.0.0.1", b"127.0.0.1:4000"),
        *(b"192.168.1.5", b"192.168.1.5:11434", b"[::1]", b"[::1]:4000", b"[fe80::1]:80", b"gpu01.lan", b"GPU01.lan:1"),
        *(b"host.docker.internal:4000", b"host.containers.internal"),
    ],
)
def test_own_names_and_addresses_pass(host: bytes) -> None:
    assert Hosts(["gpu01.lan"]).may_be_called(host)


@pytest.mark.parametrize(
    "host",
    [
        *(b"evil.example", b"evil.example:4000", b"localhost.evil.example", b"127.0.0.1.evil.example", b"", b":4000"),
        *(b"127.0.0.1:80@evil.example", b"localhost@evil.example", b"localhost evil", b"[::1", b"[evil.example]"),
        *(b"2130706433", b"0x7f.0.0.1", b"127.1", b"localhost:80:80", b"localhost\x00.evil", b"xn--lcalhost-8bb"),
        *(b"docker.internal", b"host.docker.internal.evil.example"),
    ],
)
def test_foreign_and_crooked_names_do_not(host: bytes) -> None:
    assert not Hosts(["gpu01.lan"]).may_be_called(host)


@given(st.binary(max_size=60))
def test_any_bytes_may_come(host: bytes) -> None:
    names = Hosts(["gpu01.lan"])
    assert names.may_be_called(host) == names.may_be_called(host)
    names.may_ask(host, b"localhost")


def test_pages() -> None:
    names = Hosts((), ["https://chat.lan", "http://10.0.0.2:3000/"])
    host = b"localhost:4000"
    for origin in (b"https://chat.lan", b"HTTPS://chat.lan", b"http://10.0.0.2:3000", b"http://localhost:4000"):
        assert names.may_ask(origin, host)
    for origin in (
        b"http://chat.lan",
        b"https://chat.lan.evil.example",
        b"https://evil.example",
        b"null",
        b"http://10.0.0.2",
    ):
        assert not names.may_ask(origin, host)
    assert names.may_ask(b"vscode-webview://abc", host), "no page of the web"


def test_only_listed_pages_may_read() -> None:
    names = Hosts((), ["https://chat.lan"])
    lines = names.render_page_headers(b"https://chat.lan")
    assert b"access-control-allow-origin: https://chat.lan\r\n" in lines
    assert b"vary: origin\r\n" in lines
    assert names.render_page_headers(b"https://evil.example") == b""
    assert Hosts().render_page_headers(b"https://chat.lan") == b""


def test_a_preflight_lists_what_is_known_of_what_was_asked() -> None:
    names = Hosts((), ["https://chat.lan"])
    lines = names.render_preflight(b"https://chat.lan", b"Authorization, x-stainless-os, X-Evil, a\r\nb: c")
    assert b"access-control-allow-headers: authorization, x-stainless-os\r\n" in lines
    assert b"evil" not in lines
    assert lines.count(b"\r\n") == 5
    assert names.render_preflight(b"https://evil.example", b"authorization") == b""
    assert Hosts().render_preflight(b"https://chat.lan", b"") == b""
