"""The gateway's address, and where a host is as far as its name tells."""

from __future__ import annotations

import pytest

from keepwell.audit.target import find_whereabouts, parse_target
from keepwell.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://192.168.1.5:4000", "http://192.168.1.5:4000"),
        ("http://gw:4000/", "http://gw:4000"),
        ("https://llm.example.org", "https://llm.example.org"),
        ("https://llm.example.org/llm/", "https://llm.example.org/llm"),
        ("http://[::1]:4000", "http://[::1]:4000"),
    ],
)
def test_an_address_is_read(written: str, url: str) -> None:
    assert parse_target(written).url == url


@pytest.mark.parametrize(
    "written", ["gw:4000", "ftp://x", "http://", "http://a:99999", "http://u:p@a", 'http://a"b', "http://a?b=1"]
)
def test_what_is_none_is_refused_with_a_hint(written: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_target(written)
    assert "--to http" in caught.value.hint


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("localhost", "here"),
        ("127.0.0.2", "here"),
        ("[::1]", "here"),
        ("host.docker.internal", "outside"),
        ("ollama", "name"),
        ("${HOST}", "template"),
        ("10.1.2.3", "private"),
        ("gpu.lan", "private"),
        ("a.b.svc.cluster.local", "private"),
        ("8.8.8.8", "world"),
        ("example.org", "world"),
    ],
)
def test_where_a_host_is(host: str, where: str) -> None:
    assert find_whereabouts(host) == where
