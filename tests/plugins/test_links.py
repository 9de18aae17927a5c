"""Where an address leads depends on who uses it: the node itself, or a container with a network of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.plugins.links import Caller, Surroundings, find_urls, follow, parse_own_addresses, split_host

HERE = Caller()
APART = Caller(apart=True, listening=frozenset({8080}))
BLIND = Caller(apart=True)
AROUND = Surroundings(
    name="gpu01",
    addresses=frozenset({"192.168.1.20", "172.17.0.1"}),
    sockets=(
        {"address": "127.0.0.1", "port": 11434},
        {"address": "0.0.0.0", "port": 8000},
    ),
    containers=(
        {
            "name": "stack-chroma-1",
            "state": "running",
            "addresses": ("172.18.0.3",),
            "ports": ({"address": "0.0.0.0", "port": 8001, "inner_port": 8000},),
        },
        {"name": "vllm", "state": "exited", "addresses": (), "ports": ()},
    ),
    places={11434: "engine:gpu01/ollama", 8000: "engine:gpu01/vllm", 8001: "service:gpu01/chroma"},
)


@pytest.mark.parametrize(
    ("url", "caller", "target", "reach", "why"),
    [
        ("http://localhost:11434", HERE, "engine:gpu01/ollama", "yes", ""),
        ("http://localhost:11434", APART, "engine:gpu01/ollama", "no", "own-loopback"),
        ("http://127.0.0.1:8080/v1", APART, "", "yes", ""),
        ("http://localhost:11434", BLIND, "", "unknown", ""),
        ("http://host.docker.internal:11434", APART, "engine:gpu01/ollama", "no", "loopback-only"),
        ("http://host.docker.internal:8000/v1", APART, "engine:gpu01/vllm", "yes", ""),
        ("http://192.168.1.20:11434", HERE, "engine:gpu01/ollama", "no", "loopback-only"),
        ("http://172.17.0.1:8000", APART, "engine:gpu01/vllm", "yes", ""),
        ("http://gpu01:9999", HERE, "", "no", "nothing-listens"),
        ("http://chroma:8000", APART, "service:gpu01/chroma", "unknown", ""),
        ("http://172.18.0.3:8000", APART, "service:gpu01/chroma", "unknown", ""),
        ("http://vllm:8000/v1", APART, "", "no", "container-stopped"),
        ("http://192.168.1.99:11434", HERE, "", "unknown", "elsewhere"),
    ],
)
def test_an_address_is_followed_from_its_place(url: str, caller: Caller, target: str, reach: str, why: str) -> None:
    link = follow("BASE_URL", url, caller, AROUND)
    assert (link.target, link.reach, link.why) == (target, reach, why)


def test_unseen_sockets_are_unknown_not_absent() -> None:
    link = follow("X", "http://localhost:1", HERE, Surroundings(name="gpu01"))
    assert link.reach == "unknown"


def test_lists_of_addresses_are_split_and_others_left() -> None:
    settings_ = {"OLLAMA_BASE_URLS": "http://a:1;http://b:2", "OPENAI_API_BASE_URL": "https://c/v1", "PATH": "http://d"}
    assert [url for _, url in find_urls((r"_BASE_URLS?$",), settings_)] == ["http://a:1", "http://b:2", "https://c/v1"]


def test_a_login_in_an_address_is_masked() -> None:
    row = follow("X", "http://me:secretword@localhost:11434", HERE, AROUND).row()
    assert "secretword" not in str(row)


def test_own_addresses_are_read_from_the_kernels_table() -> None:
    text = "  +-- 192.168.1.0/24 2 0 2\n     |-- 192.168.1.20\n        /32 host LOCAL\n     |-- 192.168.1.255\n"
    assert parse_own_addresses(text + "        /32 link BROADCAST\n") == {"192.168.1.20"}


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_address_gives_an_answer(text: str) -> None:
    host, port = split_host(text)
    assert isinstance(host, str)
    assert 0 <= port <= 65535
    follow("X", text, APART, AROUND)
