"""Each request counts once: in any number of goes, after an end at any place, by two processes at once."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.slo import counting
from keepwell.slo.counting import add_minutes, count_requests, digest_of, find_place, gather
from keepwell.slo.tally import Spells, Tally, add_up, count_rows
from keepwell.store.tallies import Tallies
from tests.slo.made import AVAILABLE, NOON, QUICK, ListLog, failed, row


def made_rows(count: int, seed: int = 1) -> ListLog:
    """Some fail; their order is that of their ends, not quite that of their times."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        at = NOON - 30.0 * (count - number) - rng.uniform(0, 120)
        make = rng.choice([row, row, row, failed])
        rows.append(make(at, id=number, key=rng.choice(["ada", "bob"]), first_byte_seconds=rng.choice([0.5, 3.0])))
    return ListLog(rows)


def test_it_is_what_counting_all_at_once_gives(tmp_path: Path) -> None:
    log = made_rows(500)
    tallies = Tallies(tmp_path / "t.db")
    grown = ListLog()
    for size in (0, 1, 100, 101, 499, 500):
        grown.rows = log.rows[:size]
        assert not count_requests(tallies, grown, [AVAILABLE, QUICK], NOON).left
    for objective in (AVAILABLE, QUICK):
        whole, failures = count_rows(objective, log.rows, Spells())
        counted = gather(tallies, objective, NOON)
        assert list(counted.minutes) == whole
        assert counted.period[1:] == add_up(whole, NOON - 30 * 86400, NOON + 60)[1:]
        assert sorted(counted.failures) == sorted(failures)
    tallies.close()


def test_two_objectives_at_the_same_place_read_the_log_once(tmp_path: Path) -> None:
    log = made_rows(50)
    tallies = Tallies(tmp_path / "t.db")
    count_requests(tallies, log, [AVAILABLE, QUICK], NOON)
    log.rows.append(row(NOON))
    log.reads = 0
    count_requests(tallies, log, [AVAILABLE, QUICK], NOON)
    assert log.reads == 2  # the new rows, and that there are no more
    tallies.close()


def test_two_processes_count_nothing_twice(tmp_path: Path) -> None:
    log = made_rows(300)
    first, second = Tallies(tmp_path / "t.db"), Tallies(tmp_path / "t.db")
    number, position, _ = first.enter(digest_of(AVAILABLE), 0, NOON)
    minutes, _ = count_rows(AVAILABLE, log.rows, Spells())
    assert second.add(number, minutes, [], (position, 300))
    assert not first.add(number, minutes, [], (position, 300))
    assert gather(first, AVAILABLE, NOON).period.events == 300
    first.close()
    second.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(place=st.integers(0, 40))
def test_the_first_row_of_a_period_is_found_by_halving(place: int) -> None:
    log = ListLog([row(NOON + number) for number in range(40)])
    assert find_place(log, NOON + place) == place


def test_a_new_objective_begins_with_its_period(tmp_path: Path) -> None:
    log = ListLog([row(NOON - 40 * 86400 + 86400 * day) for day in range(40)])
    tallies = Tallies(tmp_path / "t.db")
    count_requests(tallies, log, [AVAILABLE, replace(QUICK, over_seconds=7 * 86400.0)], NOON)
    assert gather(tallies, AVAILABLE, NOON).period.events == 30
    assert gather(tallies, QUICK, NOON).period.events == 7
    tallies.close()


def test_much_is_counted_in_goes(tmp_path: Path) -> None:
    log = ListLog([row(NOON - 1)] * (counting.ROWS_AT_ONCE + 1))
    tallies = Tallies(tmp_path / "t.db")
    assert count_requests(tallies, log, [AVAILABLE], NOON).left
    assert not count_requests(tallies, log, [AVAILABLE], NOON).left
    assert gather(tallies, AVAILABLE, NOON).period.events == len(log.rows)
    tallies.close()


def test_a_minute_counts_once(tmp_path: Path) -> None:
    band = replace(AVAILABLE, indicator="utilisation", low=0.1)
    tallies = Tallies(tmp_path / "t.db")
    for _ in range(3):
        add_minutes(tallies, band, int(NOON) - 60, 3, 1)
    assert gather(tallies, band, NOON).period[1:3] == (3, 1)
    tallies.close()


def test_another_threshold_counts_anew_and_another_promise_does_not() -> None:
    assert digest_of(QUICK) != digest_of(replace(QUICK, within_seconds=2.1))
    assert digest_of(QUICK) == digest_of(replace(QUICK, target=0.9, name="other", page=False))


def test_what_is_no_objective_any_more_goes(tmp_path: Path) -> None:
    tallies = Tallies(tmp_path / "t.db")
    count_requests(tallies, made_rows(10), [AVAILABLE, QUICK], NOON)
    tallies.drop(NOON, [digest_of(QUICK)])
    assert tallies.find(digest_of(AVAILABLE)) is None
    assert gather(tallies, QUICK, NOON).period != Tally(0)
    tallies.close()


def test_failures_that_are_kept_are_bounded(tmp_path: Path) -> None:
    log = ListLog([failed(NOON - 5000 + number) for number in range(3000)])
    tallies = Tallies(tmp_path / "t.db")
    count_requests(tallies, log, [AVAILABLE], NOON)
    kept = gather(tallies, AVAILABLE, NOON).failures
    assert len(kept) == 1000
    assert kept[-1].at == log.rows[-1].at
    tallies.close()
