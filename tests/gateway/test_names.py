"""Which route a client's name means."""

from __future__ import annotations

import pytest

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.names import REMEMBERED, Names

ROUTES = {name: Route(name=name, replicas={}) for name in ("chat", "small", "qwen3:32b")}
NAMES = Names(ROUTES, {"gpt-4o": "small"}, (("gpt-*", "chat"), ("*-mini", "small"), ("a.b*", "small")), "")


@pytest.mark.parametrize(
    ("name", "route", "how"),
    [
        ("chat", "chat", "its own name"),
        ("chat:latest", "chat", "its own name"),
        ("qwen3:32b", "qwen3:32b", "its own name"),
        ("gpt-4o", "small", "gpt-4o is an alias"),
        ("gpt-4o:latest", "small", "gpt-4o is an alias"),
        ("gpt-5", "chat", "it fits gpt-*"),
        ("gpt-4o-mini", "chat", "it fits gpt-*"),
        ("o1-mini", "small", "it fits *-mini"),
        ("a.bc", "small", "it fits a.b*"),
        ("gpt-\n", "chat", "it fits gpt-*"),
    ],
)
def test_a_name_means_one_route(name: str, route: str, how: str) -> None:
    for _ in range(2):
        found = NAMES.find(name)
        assert found is not None
        assert (found.route.name, found.how) == (route, how)


@pytest.mark.parametrize("name", ["", "axb", "Chat", "chatx", "xgpt-4"])
def test_what_fits_nothing_means_nothing(name: str) -> None:
    assert NAMES.find(name) is None


def test_the_default_takes_what_fits_nothing() -> None:
    names = Names(ROUTES, {}, (("gpt-*", "chat"),), "small")
    found = names.find("anything")
    assert found is not None
    assert found.route.name == "small"
    assert "default" in found.how


def test_names_that_clients_invent_are_not_remembered_without_end() -> None:
    names = Names(ROUTES, {}, (), "small")
    for number in range(3 * REMEMBERED):
        assert names.find(f"made-{number}") is not None
    assert len(names._remembered) <= REMEMBERED


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    assert NAMES.describe_unknown("smal") == "no model 'smal' is offered here; did you mean small?"
    assert "offered: chat, gpt-4o, qwen3:32b, small" in NAMES.describe_unknown("zzz")
    assert Names({}, {}).describe_unknown("x").endswith("offered: none")
