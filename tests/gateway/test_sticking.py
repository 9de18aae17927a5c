"""What keeps requests at one replica, and the place that a route gives them."""

from __future__ import annotations

import pytest

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.sticking import PREFIX_BYTES, is_sticky, stick
from keepwell.gateway.wire.body import peek
from keepwell.plugins.routing import Ask

ASK = Ask(id=1, route="m", dialect="d", key="ada", priority=1)


def route(*policy: str, priority: int = -1) -> Route:
    return Route(name="m", replicas={}, policy=policy, priority=priority)


def session(body: bytes, head: bytes = b"") -> bytes:
    return stick(ASK, route("session"), peek(body), head).session


def test_a_session_is_named_by_a_header_a_user_or_a_cache_key() -> None:
    assert session(b'{"user": "bo"}', b"head") == b"head"
    assert session(b'{"user": "bo", "prompt_cache_key": "k"}') == b'"bo"'
    assert session(b'{"prompt_cache_key": "k"}') == b"k"
    assert session(b"{}") == b""
    assert session(b'{"user": {"id": 7}}') == b'{"id": 7}'


def test_long_names_differ_where_their_beginnings_do_not() -> None:
    one, two = (session(b"{}", b"x" * 200 + end) for end in (b"1", b"2"))
    assert one != two
    assert len(one) <= 64


def test_prompts_that_begin_alike_belong_together() -> None:
    start = "x" * PREFIX_BYTES
    one, two, other = (
        stick(ASK, route("affinity"), peek(b'{"messages": ["%b"]}' % text.encode()), b"").affinity
        for text in (start + "1", start + "2", "y" + start)
    )
    assert one == two != other
    assert stick(ASK, route("affinity"), peek(b"{}"), b"").affinity == b""


@pytest.mark.parametrize(
    ("one", "sticky"),
    [
        (route("resident", "least_work"), False),
        (route("session"), True),
        (route("affinity"), True),
        (route(priority=0), True),
    ],
)
def test_only_routes_that_want_it_pay_for_it(one: Route, sticky: bool) -> None:
    assert is_sticky(one) is sticky


def test_a_routes_priority_counts_instead_of_the_keys() -> None:
    assert stick(ASK, route(priority=2), peek(b"{}"), b"s").priority == 2
    assert stick(ASK, route("session"), peek(b"{}"), b"s").priority == 1
    assert stick(ASK, route(priority=0), peek(b'{"user": "bo"}'), b"s") == Ask(
        id=1, route="m", dialect="d", key="ada", priority=0
    )
