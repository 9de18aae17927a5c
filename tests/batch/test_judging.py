"""What a try's end means, how many at a time, and when a run ends: pure, without a clock."""

from __future__ import annotations

import math
import random
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.batch.asking import Ended
from keepwell.batch.item import Outcome, Trouble
from keepwell.batch.job import Bounds
from keepwell.batch.lineup import AGAIN_SAVED, Lineup
from keepwell.batch.pace import BEGIN, Pace
from keepwell.batch.progress import Progress
from keepwell.batch.settling import Again, Pending, settle
from keepwell.batch.troubles import RETRIES, judge_status, read_answer, read_retry_after
from keepwell.store.batch_state import Tries
from keepwell.wire.heads import AnswerHead
from tests.batch.parts import make_job, make_task


@pytest.mark.parametrize(
    ("status", "said", "trouble"),
    [
        (200, b"{}", ""),
        (400, b'{"error": {"message": "the request exceeds the available context size"}}', "too_long"),
        (400, b'{"error": {"message": "temperature"}}', "bad_request"),
        (401, b"", "refused"),
        (404, b'{"error": "model \\"x\\" not found"}', "no_model"),
        (404, b"page", "bad_request"),
        (429, b"", "overloaded"),
        (500, b'{"error": "out of memory"}', "memory"),
        (503, b"failed to allocate buffer", "memory"),
        (503, b"", "overloaded"),
        (500, b"prompt is too long", "too_long"),
        (502, b"", "server"),
        (504, b"", "timeout"),
        (302, b"", "bad_request"),
    ],
)
def test_a_status_and_its_words_tell_the_trouble(status: int, said: bytes, trouble: Trouble) -> None:
    assert judge_status(status, said) == trouble


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_none(body: bytes) -> None:
    found = read_answer(body)
    assert found is None or found.output_tokens is not None


@pytest.mark.parametrize("body", [b'{"choices": [{"mess', b"", b"[]", b'"text"', b"\xff"])
def test_a_torn_answer_is_none(body: bytes) -> None:
    assert read_answer(body) is None


def test_an_answer_of_unknown_form_is_taken() -> None:
    found = read_answer(b'{"usage": {"prompt_tokens": 1.5}, "choices": "x"}')
    assert found is not None
    assert found.input_tokens == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({b"retry-after": b"3"}, 3),
        ({b"retry-after": b" 0.5 "}, 0.5),
        ({b"retry-after-ms": b"250", b"retry-after": b"9"}, 0.25),
        ({b"retry-after": b"99999999"}, 3600),
        ({b"retry-after": b"soon"}, 0),
        ({b"retry-after": b"-4"}, 0),
        ({b"retry-after": b"nan"}, 0),
        ({}, 0),
        ({b"retry-after": formatdate(1_000_020, usegmt=True).encode()}, 20),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[bytes, bytes], seconds: float) -> None:
    assert read_retry_after(headers, 1_000_000) == seconds


def end(status: int, headers: dict[bytes, bytes] | None = None, body: bytes = b"{}") -> Ended:
    return Ended(head=AnswerHead(status, tuple((headers or {}).items()), stays=True), body=body)


@given(st.integers(0, 2**32), st.floats(0, 600))
def test_waits_are_on_top_of_what_the_server_wishes_and_never_under_it(seed: int, wished: float) -> None:
    told = end(429, {b"retry-after": str(wished).encode()})
    tries = Tries()
    again = settle(make_job(1, 9), Pending(make_task(0), tries), told, 0, random.Random(seed))
    assert isinstance(again, Again)
    assert wished <= again.seconds <= wished + RETRIES["overloaded"].base
    assert again.cool == wished


def test_every_class_ends_after_its_tries() -> None:
    for trouble, status, count in (("server", 500, 5), ("overloaded", 429, 40), ("bad_request", 400, 1)):
        found: Again | Outcome = Again(Pending(make_task(0), Tries()), "server", 0)
        tries = 0
        while isinstance(found, Again):
            found = settle(make_job(1, 9), found.pending, end(status), 0, random.Random(1))
            tries += 1
        assert (found.trouble, found.attempts, tries) == (trouble, count, count)


def test_shares_of_several_classes_add_up() -> None:
    found: Again | Outcome = Again(Pending(make_task(0), Tries()), "server", 0)
    ends = [end(500), end(500), end(500), Ended(failure="timeout"), Ended(failure="timeout")]
    for one in ends:
        assert isinstance(found, Again)
        found = settle(make_job(1, 9), found.pending, one, 0, random.Random(1))
    assert isinstance(found, Outcome)  # 3 of 5 and 2 of 3
    assert found.attempts == 5


def test_tries_that_are_wished_count_for_all_but_what_ends_the_same() -> None:
    job = make_job(1, 9, bounds=Bounds(tries=2))
    first = settle(job, Pending(make_task(0), Tries()), end(500), 0, random.Random(1))
    assert isinstance(first, Again)
    assert isinstance(settle(job, first.pending, end(500), 0, random.Random(1)), Outcome)
    assert isinstance(settle(job, Pending(make_task(0), Tries()), end(400), 0, random.Random(1)), Outcome)


def test_fewer_at_a_time_once_for_all_that_were_sent_before() -> None:
    pace = Pace(30)
    pace.crowded(begun=1.0, now=2.0)
    pace.crowded(begun=1.5, now=2.1)
    assert pace.limit == 20
    pace.crowded(begun=2.5, now=3.0)
    assert pace.limit == 13
    for number in range(400):
        pace.answered(1, 4.0 + number)
    assert pace.limit == 30


@pytest.mark.parametrize("best", [1, 8, 32])
def test_climbing_stays_near_the_number_from_which_more_gives_nothing(best: int) -> None:
    pace, now, seen = Pace(256, adapts=True), 1.0, []
    assert pace.limit == BEGIN
    for _ in range(4000):
        now += 1 / min(pace.limit, best)
        pace.answered(10, now)
        seen.append(pace.limit)
    assert max(seen[2000:]) <= max(BEGIN, best) * 1.6
    assert min(seen[2000:]) >= min(BEGIN, best)
    assert seen[-1] >= best * 0.8


def test_the_end_is_told_within_an_interval_that_holds_it() -> None:
    progress, chance, now = Progress(0.0), random.Random(3), 0.0
    assert math.isnan(progress.find_left(10, 0.0)[0])
    while now < 300:
        now += chance.expovariate(5)
        progress.add(1, now)
    low, high = progress.find_left(1000, now)
    assert low < 1000 / 5 < high < 1.5 * low
    assert progress.find_rate(now) == pytest.approx(5, rel=0.15)
    silent = Progress(0.0)
    assert silent.find_left(5, 100.0) == (math.inf, math.inf)


def test_tries_beyond_the_first_are_bounded_by_what_ends() -> None:
    lineup = Lineup(iter(()), lambda number: Tries(), 1, 0.0)
    count = int(AGAIN_SAVED) + 50
    for number in range(count):
        lineup.put_off(Pending(make_task(number), Tries()), 0.0)
    lineup.put_off(Pending(make_task(count), Tries()), 0.0, paid=True)
    lineup.wake(0.0)
    taken = 0
    while lineup.take(0) is not None:
        taken += 1
    assert taken == AGAIN_SAVED
    lineup.ended(40)
    lineup.wake(0.0)
    assert lineup.waiting == 51
    assert [lineup.take(0) is not None for _ in range(11)] == [True] * 10 + [False]


def test_who_is_too_busy_for_everybody_uses_up_nobodys_tries() -> None:
    first = Pending(make_task(0), Tries())
    found = settle(make_job(1, 9), first, end(503), 0, random.Random(1), alive=False)
    assert isinstance(found, Again)
    assert (found.pending.tries.attempts, found.pending.tries.spent) == (1, 0.0)
