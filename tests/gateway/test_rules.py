"""Before a replica is chosen: who cannot is out, a fallback that can takes over, options come out the same for all."""

from __future__ import annotations

import json

import pytest

from keepwell.gateway.access import Refused
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.needs import find_shortage
from keepwell.gateway.choice.options import make_guard
from keepwell.gateway.choice.rules import Rule, make_rules, rule
from keepwell.plugins.dialect import Endpoint

CHAT = Endpoint(path=b"/api/chat", use="generate", options=True)
OTHER = Endpoint(path=b"/v1/chat/completions", use="generate")
SEEING = json.dumps({"messages": [{"role": "user", "content": "what?", "images": ["AAAA"]}]}).encode()
BLIND = Route(name="small", replicas={"box/0": "small", "box/1": "small"}, fallback="big")
LOST = Route(name="big", replicas={"box/0": "big", "box/1": "big"}, fallback="small")
ROUTES = {"small": BLIND, "big": LOST}


def blind(*names: str) -> dict[str, Rule]:
    """Rules: these replicas of `small` see no images."""
    shortage = find_shortage([(name, frozenset({"vision"}), 0) for name in names])
    assert shortage is not None
    return make_rules(ROUTES, {}, {"small": shortage})


def test_who_cannot_is_out() -> None:
    ruled = rule(blind("box/0"), ROUTES, BLIND, CHAT, SEEING)
    assert (ruled.route, ruled.unable) == (BLIND, {"box/0"})
    assert rule(blind("box/0"), ROUTES, BLIND, CHAT, b'{"messages":["hi"]}').unable == frozenset()


def test_a_fallback_that_can_takes_over() -> None:
    ruled = rule(blind("box/0", "box/1"), ROUTES, BLIND, CHAT, SEEING)
    assert (ruled.route, ruled.unable) == (LOST, frozenset())


def test_where_nobody_can_the_client_is_told() -> None:
    shortage = blind("box/0", "box/1")["small"].shortage
    assert shortage is not None
    rules = make_rules(ROUTES, {}, {"small": shortage, "big": shortage})
    with pytest.raises(Refused) as caught:
        rule(rules, ROUTES, BLIND, CHAT, SEEING)
    failure = caught.value.failure
    assert (failure.status, failure.kind) == (400, "model_lacks_ability")
    assert "small or big" in failure.message
    assert "box/1: no model there that sees images" in failure.message


def test_options_are_set_right_where_a_body_may_name_them() -> None:
    guard = make_guard("normalise", ("num_ctx",), {}, pinned=False)
    assert guard is not None
    rules = make_rules(ROUTES, {"small": guard}, {})
    body = b'{"options":{"num_ctx":9}}'
    ruled = rule(rules, ROUTES, BLIND, CHAT, body)
    assert (ruled.body, ruled.changed) == (b'{"options":{}}', 1)
    assert ruled.lines == b"x-keepwell-options: num_ctx 9 -> default\r\n"
    assert rule(rules, ROUTES, BLIND, OTHER, body).body == body, "this form has no such options"
    assert rule(rules, ROUTES, LOST, CHAT, body).body == body, "no rule for this one"


def test_what_a_client_writes_ends_no_header() -> None:
    guard = make_guard("normalise", ("num_ctx",), {}, pinned=False)
    assert guard is not None
    body = json.dumps({"options": {"num_ctx": "1\r\nx-evil: 1" + "a" * 9000}}).encode()
    lines = rule(make_rules(ROUTES, {"small": guard}, {}), ROUTES, BLIND, CHAT, body).lines
    assert lines.count(b"\r\n") == 1
    assert len(lines) < 500
