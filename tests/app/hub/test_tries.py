"""Wrong keys are counted by address: who guesses waits, others do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from keepwell.app.hub.gatehouse import Gatehouse
from keepwell.app.hub.tries import AT_ONCE, REMEMBERED, SECONDS_EACH, Tries
from keepwell.store.keys import Key, add_key, digest_secret


@dataclass
class Hands:
    """A clock that is turned by hand."""

    at: float = 100.0

    def __call__(self) -> float:
        return self.at


def test_after_some_wrong_ones_an_address_waits_and_gets_its_tries_back() -> None:
    clock = Hands()
    tries = Tries(now=clock)
    for _ in range(AT_ONCE):
        assert tries.wait_seconds("192.0.2.1") == 0
        tries.note("192.0.2.1")
    assert tries.wait_seconds("192.0.2.1") == SECONDS_EACH
    assert tries.wait_seconds("192.0.2.2") == 0
    clock.at += SECONDS_EACH
    assert tries.wait_seconds("192.0.2.1") == 0
    tries.note("192.0.2.1")
    assert tries.wait_seconds("192.0.2.1") == SECONDS_EACH
    clock.at += AT_ONCE * SECONDS_EACH
    assert tries.wait_seconds("192.0.2.1") == 0


def test_a_household_has_one_count_and_memory_has_an_end() -> None:
    tries = Tries(now=Hands())
    for number in range(AT_ONCE):
        tries.note(f"2001:db8::{number + 1:x}")
    assert tries.wait_seconds("2001:db8::ffff") > 0
    assert tries.wait_seconds("2001:db8:0:1::1") == 0
    for number in range(REMEMBERED):
        tries.note(f"10.0.{number // 250}.{number % 250}")
    assert tries.wait_seconds("2001:db8::ffff") == 0


def test_the_gatehouse_looks_at_no_key_of_who_waits_but_the_owners(tmp_path: Path) -> None:
    add_key(tmp_path, Key(name="ada", digest=digest_secret("kw-a")))
    clock = Hands()
    gatehouse = Gatehouse(state=tmp_path, secret="door", keyed=True, tries=Tries(now=clock))

    def ask(secret: str, address: str = "192.0.2.1") -> int:
        headers = [(b"authorization", f"Bearer {secret}".encode())]
        scope = {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": headers}
        answer = gatehouse.admit(Request({**scope, "client": (address, 1)}))
        if isinstance(answer, Response):
            return answer.status_code
        return 200

    assert [ask("kw-wrong") for _ in range(AT_ONCE + 1)] == [401] * AT_ONCE + [429]
    assert ask("kw-a") == 429
    assert ask("kw-a", "192.0.2.2") == 200
    assert ask("door") == 200
    clock.at += SECONDS_EACH
    assert ask("kw-a") == 200
