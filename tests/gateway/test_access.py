"""Keys and their limits, with a clock of numbers."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.gateway.access import Access, Refused
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.wire.heads import RequestHead
from keepwell.gateway.wire.request import Request
from keepwell.plugins.dialect import Usage
from keepwell.store.keys import Key, digest_secret
from keepwell.store.requests import day_of, midnight_after


def request(secret: str = "s") -> Request:
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + secret.encode())]
    return Request(RequestHead(b"POST", b"/", headers, old=False, close=False))


def access(*keys: Key, required: bool = False) -> Access:
    made = Access()
    made.replace(keys, frozenset(), required=required)
    return made


def key(**more: int) -> Key:
    return Key(name="ada", digest=digest_secret("s"), per_minute=0, **more)


def test_without_keys_everybody_is_admitted_unless_one_is_required() -> None:
    assert access().admit(request()).name == ""
    with pytest.raises(Refused):
        access(required=True).admit(request())


def test_a_revoked_key_is_refused_at_once() -> None:
    made = access(key())
    assert made.admit(request()).name == "ada"
    made.replace([Key(name="other", digest="x")], frozenset())
    with pytest.raises(Refused) as refused:
        made.admit(request())
    assert refused.value.failure.status == 401


@given(st.lists(st.floats(0, 5), max_size=80), st.integers(1, 30))
def test_never_more_requests_than_the_limit_allows(gaps: Sequence[float], limit: int) -> None:
    made = access(Key(name="ada", digest=digest_secret("s"), per_minute=limit))
    now, admitted = 0.0, 0
    waits: list[float] = []
    for gap in gaps:
        now += gap
        try:
            made.charge(made.admit(request()), "m", now)
        except Refused as refused:
            waits.append(refused.failure.retry_seconds)
        else:
            admitted += 1
        assert admitted <= limit * (1 + now / 60) + 1e-6
    assert all(one > 0 for one in waits)


def test_tokens_that_were_used_count_and_come_back_with_time() -> None:
    made = access(Key(name="ada", digest=digest_secret("s"), tokens_per_minute=60))
    made.charge(made.admit(request()), "m", 0.0)
    facts = Facts(1, 0.0)
    facts.key, facts.usage = "ada", Usage(50, 40)
    made.spent(facts)
    with pytest.raises(Refused):
        made.charge(made.admit(request()), "m", 1.0)
    made.charge(made.admit(request()), "m", 40.0)


def test_requests_at_once() -> None:
    made = access(Key(name="ada", digest=digest_secret("s"), at_once=1))
    made.charge(made.admit(request()), "m", 0.0)
    with pytest.raises(Refused):
        made.charge(made.admit(request()), "m", 0.0)
    facts = Facts(1, 0.0)
    facts.key = "ada"
    made.spent(facts)
    made.charge(made.admit(request()), "m", 0.0)


def test_a_key_for_some_routes_is_refused_for_others() -> None:
    made = access(Key(name="ada", digest=digest_secret("s"), routes=("llama*", "tiny-?")))
    for route in ("llama3.2", "tiny-a", "llama3.2"):
        made.charge(made.admit(request()), route, 0.0)
    for route in ("qwen3", "tiny-alpha", "Llama", ""):
        with pytest.raises(Refused) as refused:
            made.charge(made.admit(request()), route, 0.0)
        assert (refused.value.failure.status, refused.value.failure.kind) == (403, "route_not_allowed")


def test_a_key_expires_by_itself_and_nobody_is_admitted_in_its_place() -> None:
    made = Access()
    made.replace([Key(name="ada", digest=digest_secret("s"), expires_at=1000.0)], frozenset(), wall=900.0)
    assert made.admit(request()).name == "ada"
    made.tick(999.9)
    assert made.admit(request()).name == "ada"
    made.tick(1000.0)
    with pytest.raises(Refused) as refused:
        made.admit(request())
    assert refused.value.failure.status == 401


def test_a_key_that_expired_while_the_gateway_was_away_is_none() -> None:
    made = Access()
    made.replace([Key(name="ada", digest=digest_secret("s"), expires_at=1000.0)], frozenset(), wall=2000.0)
    with pytest.raises(Refused):
        made.admit(request())


def test_the_tokens_of_a_day_come_back_at_local_midnight() -> None:
    noon = 1_700_000_000.0
    made = Access()
    made.replace([Key(name="ada", digest=digest_secret("s"), tokens_per_day=100)], frozenset(), wall=noon)
    made.tick(noon)
    made.restore({"ada": 60, "bob": 5})
    made.charge(made.admit(request()), "m", 0.0)
    facts = Facts(1, 0.0)
    facts.key, facts.usage = "ada", Usage(30, 10)
    made.spent(facts)
    with pytest.raises(Refused) as refused:
        made.charge(made.admit(request()), "m", 5.0)
    midnight = midnight_after(noon)
    assert refused.value.failure.status == 429
    assert refused.value.failure.retry_seconds == midnight - noon
    made.tick(midnight - 1)
    with pytest.raises(Refused):
        made.charge(made.admit(request()), "m", 6.0)
    made.tick(midnight)
    made.charge(made.admit(request()), "m", 7.0)


def test_a_day_ends_at_midnight_also_where_the_clocks_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for noon, hours in ((1774780200.0, 23), (1792922400.0, 25), (1782900000.0, 24)):
            end = midnight_after(noon)
            assert day_of(end - 1) == day_of(noon) != day_of(end)
            begin = midnight_after(noon - 86400)
            assert (end - begin) / 3600 == hours, time.ctime(noon)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_who_leaves_before_the_counts_pays_for_what_was_sent() -> None:
    made = access(Key(name="ada", digest=digest_secret("s"), tokens_per_day=10))
    made.charge(made.admit(request()), "m", 0.0)
    facts = Facts(1, 0.0)
    facts.key, facts.stream_parts = "ada", 25
    made.spent(facts)
    with pytest.raises(Refused):
        made.charge(made.admit(request()), "m", 1.0)


def test_another_limit_for_a_key_counts_at_once_and_forgets_nothing() -> None:
    made = access(Key(name="ada", digest=digest_secret("s"), tokens_per_day=100))
    made.charge(made.admit(request()), "m", 0.0)
    facts = Facts(1, 0.0)
    facts.key, facts.usage = "ada", Usage(30, 10)
    made.spent(facts)
    made.replace([Key(name="ada", digest=digest_secret("s"), tokens_per_day=40)], frozenset())
    with pytest.raises(Refused):
        made.charge(made.admit(request()), "m", 1.0)
    assert list(made.limits()) == [("ada", "tokens_per_day", 40.0, 40.0)]


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_other_secret_opens(secret: str, shown: str) -> None:
    made = access(Key(name="ada", digest=digest_secret("s" + secret)))
    if shown.strip() != "s" + secret:
        with pytest.raises(Refused):
            made.admit(request(shown.encode("ascii", "replace").decode()))
