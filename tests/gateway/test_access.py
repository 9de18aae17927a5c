"""Keys and their limits, with a clock of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.gateway.access import Access, Refused
from keepwell.gateway.facts import Facts
from keepwell.gateway.inbound import Request
from keepwell.plugins.dialect import Usage
from keepwell.store.keys import Key, digest_secret


def request(secret: str = "s") -> Request:
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + secret.encode())]
    return Request(b"POST", b"/", headers, old=False)


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
            made.charge(made.admit(request()), now)
        except Refused as refused:
            waits.append(refused.failure.retry_seconds)
        else:
            admitted += 1
        assert admitted <= limit * (1 + now / 60) + 1e-6
    assert all(one > 0 for one in waits)


def test_tokens_that_were_used_count_and_come_back_with_time() -> None:
    made = access(Key(name="ada", digest=digest_secret("s"), tokens_per_minute=60))
    made.charge(made.admit(request()), 0.0)
    facts = Facts(1, 0.0)
    facts.key, facts.usage = "ada", Usage(50, 40)
    made.spent(facts)
    with pytest.raises(Refused):
        made.charge(made.admit(request()), 1.0)
    made.charge(made.admit(request()), 40.0)


def test_requests_at_once() -> None:
    made = access(Key(name="ada", digest=digest_secret("s"), at_once=1))
    made.charge(made.admit(request()), 0.0)
    with pytest.raises(Refused):
        made.charge(made.admit(request()), 0.0)
    facts = Facts(1, 0.0)
    facts.key = "ada"
    made.spent(facts)
    made.charge(made.admit(request()), 0.0)
