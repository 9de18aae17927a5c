"""Options that reload a model: one value for all clients, a refusal, or a free hand; and a stay that nobody cuts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.access import Refused
from keepwell.gateway.choice.options import Edits, Guard, Policy, describe_changes, make_guard

RELOADS = ("num_ctx", "num_gpu", "num_batch", "main_gpu", "use_mmap")
OTHERS = st.dictionaries(st.sampled_from(["seed", "stop", "temperature"]), st.text(max_size=5) | st.integers())
ASKED = st.dictionaries(st.sampled_from(RELOADS), st.integers(0, 99999) | st.booleans())


def guard(policy: Policy = "normalise", *, pinned: bool = False, **wished: int) -> Guard:
    """A guard that has something to do."""
    made = make_guard(policy, RELOADS, wished, pinned=pinned)
    assert made is not None
    return made


def test_without_a_wish_of_the_owner_the_option_goes() -> None:
    body = b'{"model":"m", "options": {"num_ctx": 8192, "seed": 7} , "stream":false}'
    edited, changes = guard().apply(body, {})
    assert edited == b'{"model":"m", "options": {"seed": 7} , "stream":false}'
    assert describe_changes(changes) == "num_ctx 8192 -> default"


def test_with_one_every_request_gets_it() -> None:
    one = guard(num_ctx=4096)
    assert one.apply(b'{"options":{"seed":7,"num_ctx":8192}}', {})[0] == b'{"options":{"seed":7,"num_ctx":4096}}'
    assert one.apply(b'{"options":{"seed":7}}', {})[0] == b'{"options":{"num_ctx":4096,"seed":7}}'
    assert one.apply(b'{"model":"m"}', {})[0] == b'{"options":{"num_ctx":4096},"model":"m"}'
    assert one.apply(b'{"options":{"num_ctx":4096}}', {}) == (b'{"options":{"num_ctx":4096}}', ())


def test_a_refusal_says_what_would_be_taken() -> None:
    with pytest.raises(Refused) as caught:
        guard("refuse", num_ctx=4096).apply(b'{"options":{"num_ctx":8192}}', {})
    failure = caught.value.failure
    assert (failure.status, failure.kind) == (400, "option_reloads")
    assert "num_ctx 8192" in failure.message
    assert "num_ctx 4096" in failure.message
    same = b'{"options":{"num_ctx":4096}}'
    assert guard("refuse", num_ctx=4096).apply(same, {}) == (same, ())


def test_a_pinned_model_is_not_sent_away_by_a_client() -> None:
    one = guard("allow", pinned=True)
    edited, changes = one.apply(b'{"keep_alive": "5m", "options":{"num_ctx":1}}', {})
    assert edited == b'{"keep_alive": -1, "options":{"num_ctx":1}}'
    assert [change.name for change in changes] == ["keep_alive"]
    assert make_guard("allow", RELOADS, {}, pinned=False) is None
    assert make_guard("normalise", (), {}, pinned=True) is None


def test_a_body_without_options_is_not_read() -> None:
    assert guard().marks == (b'"options"',)
    assert guard("allow", pinned=True).marks == (b'"keep_alive"',)
    assert guard(num_ctx=1).marks == (), "every body gets it"


@given(OTHERS, ASKED, st.text(max_size=30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_two_clients_come_out_the_same(
    others: dict[str, object], asked: dict[str, object], words: str, named: bool
) -> None:
    body = json.dumps({"prompt": words, "options": {**others, **asked}}).encode()
    one = guard(num_ctx=2048) if named else guard()
    known: Edits = {}
    edited, changes = one.apply(body, known)
    assert one.apply(body, known) == (edited, changes), "the second time it is known"
    wanted = {"num_ctx": 2048} if named else {}
    assert json.loads(edited) == {"prompt": words, "options": {**others, **wanted}}
    assert {change.name for change in changes if change.before} == set(asked) - (
        {"num_ctx"} if named and asked.get("num_ctx") == 2048 and asked.get("num_ctx") is not True else set()
    )
