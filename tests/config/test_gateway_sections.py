"""The gateway's sections of keepwell.toml: what is right is read whole, what does not go together is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.config import Config, GatewayEntry, InvalidConfig, ReservationEntry, RouteEntry, parse_config
from keepwell.config.render import render_entry

CHOICES = {"kind": {"made"}, "service": {"made"}, "policy": {"resident", "least_work", "session"}}
WHOLE = """
[gateway]
listen = ["127.0.0.1:4000", "[::1]:11434"]
offer = "routes"
hosts = ["llm.lan"]
origins = ["https://chat.lan"]
certificate = "/etc/keepwell/tls.pem"
private_key = "/etc/keepwell/tls.key"
connect = "1s"
first_byte = "2m"
between = 30
total = "2h"
max_body = "8 MiB"
waiting = 0
wait = "10s"
policy = "least_work"

[[engine]]
kind = "made"
url = "http://127.0.0.1:1"
limit = 4
weight = 2.5
canary = true

[[route]]
name = "chat"
aliases = ["gpt-4o", "gpt-*"]
model = ["qwen3:32b", "Qwen/Qwen3-32B"]
engines = "big"
tags = ["fast"]
policy = ["session", "least_work"]
fallback = "small"
default = true
waiting = 8
wait = "5s"
priority = "interactive"
comments = true

[[route]]
name = "small"

[[service]]
name = "vectors"
url = "http://127.0.0.1:8000"
prefix = "/chroma/"

[[reservation]]
engines = ["big"]
keys = ["night"]
from = "22:00"
to = 06:00:00
days = ["mon", "fri"]
why = "the nightly run"

[[reservation]]
engines = "big"
keys = "ada"
from = 2027-01-31T08:00:00
to = "2027-01-31T12:00"
"""


def _parse(text: str) -> Config:
    return parse_config(text.encode(), path=Path("keepwell.toml"), kinds=CHOICES)


def _problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidConfig) as caught:
        _parse(text)
    return [(one.line, one.key, str(one)) for one in caught.value.problems]


def test_everything_that_can_be_said() -> None:
    config = _parse(WHOLE)
    assert config.gateway == GatewayEntry(
        listen=("127.0.0.1:4000", "[::1]:11434"),
        offer="routes",
        hosts=("llm.lan",),
        origins=("https://chat.lan",),
        certificate="/etc/keepwell/tls.pem",
        private_key="/etc/keepwell/tls.key",
        connect_seconds=1,
        first_byte_seconds=120,
        between_seconds=30,
        total_seconds=7200,
        max_body_bytes=8 * 1024 * 1024,
        waiting=0,
        wait_seconds=10,
        policy=("least_work",),
    )
    assert config.routes == (
        RouteEntry(
            name="chat",
            aliases=("gpt-4o", "gpt-*"),
            models=("qwen3:32b", "Qwen/Qwen3-32B"),
            engines=("big",),
            tags=("fast",),
            policy=("session", "least_work"),
            fallback="small",
            default=True,
            waiting=8,
            wait_seconds=5,
            priority="interactive",
            comments=True,
        ),
        RouteEntry(name="small"),
    )
    (engine,) = config.engines
    assert (engine.limit, engine.weight, engine.canary) == (4, 2.5, True)
    assert config.services[0].prefix == "/chroma"
    assert config.reservations == (
        ReservationEntry(
            engines=("big",),
            keys=("night",),
            begin="22:00",
            end="06:00",
            days=("mon", "fri"),
            why="the nightly run",
        ),
        ReservationEntry(engines=("big",), keys=("ada",), begin="2027-01-31T08:00", end="2027-01-31T12:00"),
    )


def test_what_was_read_is_written_and_read_again_as_the_same() -> None:
    config = _parse(WHOLE)
    entries = (config.gateway, *config.engines, *config.services, *config.routes, *config.reservations)
    again = _parse("\n".join(line for one in entries for line in render_entry(one)))
    assert (again.gateway, again.routes, again.reservations) == (config.gateway, config.routes, config.reservations)


def test_nothing_said_is_the_usual() -> None:
    assert _parse("").gateway == GatewayEntry()
    assert _parse("").routes == ()


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('[gateway]\nlisten = "localhost:4000"', "gateway.listen", "an IP address and port"),
        ('[gateway]\nlisten = ["127.0.0.1"]', "gateway.listen", "an IP address and port"),
        ('[gateway]\nlisten = "::1:4000"', "gateway.listen", "an IP address and port"),
        ('[gateway]\noffer = "some"', "gateway.offer", "one of all, routes"),
        ('[gateway]\ncertificate = "/a.pem"', "gateway.certificate", "certificate and private_key, both or none"),
        ('[gateway]\nmax_body = "much"', "gateway.max_body", "64 MiB"),
        ('[gateway]\npolicy = "resydent"', "gateway.policy", "did you mean 'resident'?"),
        ("[gateway]\nwaiting = -1", "gateway.waiting", "0 or more"),
        ('[gateway]\nlisten_on = "a"', "gateway.listen_on", "did you mean 'listen'?"),
        ('[[gateway]]\nlisten = "127.0.0.1:1"', "gateway", "a table, begun by [gateway]"),
        ('[[route]]\nmodel = "m"', "route[0].name", "missing"),
        ('[[route]]\nname = "gpt-*"', "route[0].name", "the model's name too"),
        ('[[route]]\nname = "a"\npolicy = ["resident", "luck"]', "route[0].policy", "'luck' is not known"),
        ('[[route]]\nname = "a"\npriority = "high"', "route[0].priority", "one of interactive, normal, batch"),
        ('[[route]]\nname = "a"\n[[route]]\nname = "a"', "route[1].name", "declared already in line 1"),
        (
            '[[route]]\nname = "a"\naliases = ["x"]\n[[route]]\nname = "b"\naliases = ["x"]',
            "route[1].aliases",
            "a name of route 'a' already",
        ),
        (
            '[[route]]\nname = "a"\n[[route]]\nname = "b"\naliases = ["a"]',
            "route[1].aliases",
            "a name of route 'a' already",
        ),
        (
            '[[route]]\nname = "a"\ndefault = true\n[[route]]\nname = "b"\ndefault = true',
            "route[1].default",
            "route 'a' is the default already",
        ),
        ('[[route]]\nname = "a"\nfallback = "a"', "route[0].fallback", "a → a"),
        ('[[service]]\nname = "s"\nprefix = "/s"', "service[0].prefix", "its address too"),
        ('[[service]]\nname = "s"\nurl = "http://h:1"\nprefix = "s"', "service[0].prefix", '"/chroma"'),
        ('[[reservation]]\nkeys = "a"\nfrom = "1:00"\nto = "2:00"', "reservation[0].engines", "missing"),
        (
            '[[reservation]]\nengines = "e"\nkeys = "a"\nfrom = "25:00"\nto = "02:00"',
            "reservation[0].from",
            "a time of day",
        ),
        (
            '[[reservation]]\nengines = "e"\nkeys = "a"\nfrom = "22:00"\nto = 2027-01-31T08:00:00',
            "reservation[0].to",
            "two times of day, or two moments",
        ),
        (
            '[[reservation]]\nengines = "e"\nkeys = "a"\nfrom = 2027-01-31T09:00:00\nto = 2027-01-31T08:00:00',
            "reservation[0].to",
            "a moment after from",
        ),
        (
            '[[reservation]]\nengines = "e"\nkeys = "a"\nfrom = "22:00"\nto = "23:00"\ndays = "monday"',
            "reservation[0].days",
            "one of mon",
        ),
        (
            '[[reservation]]\nengines = "e"\nkeys = "a"\nfrom = 2027-01-31T09:00:00Z\nto = "23:00"',
            "reservation[0].from",
            "without a zone",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(text: str, key: str, said: str) -> None:
    found = {name: message for _, name, message in _problems(text)}
    assert said in found[key]


def test_fallbacks_that_go_round_are_named_once_for_each() -> None:
    rows = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
    text = "\n".join(f'[[route]]\nname = "{name}"\nfallback = "{after}"' for name, after in rows)
    found = _problems(text)
    assert [(line, key) for line, key, _ in found] == [(3 * one + 3, f"route[{one}].fallback") for one in range(3)]
    assert "a → b → c → a" in found[0][2]
