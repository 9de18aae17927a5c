"""Where the time of many requests went, and the change that would pay most."""

from __future__ import annotations

from keepwell.telemetry.profile import SLOWEST, find_best, find_profiles
from tests.telemetry.test_phases import row


def test_each_model_and_replica_has_its_own_and_the_most_time_comes_first() -> None:
    rows = [row(route="a", total_seconds=1.0, first_byte_seconds=0.5)] * 3
    rows += [row(route="b", total_seconds=9.0, first_byte_seconds=0.5)] * 2
    rows += [row(route="a", replica="box/two", total_seconds=2.0, first_byte_seconds=0.5)]
    rows += [row(route="a", replica="", status=503)]
    found = find_profiles(rows)
    assert [(one.route, one.replica, one.count) for one in found] == [
        ("b", "box/one", 2),
        ("a", "box/one", 3),
        ("a", "box/two", 1),
    ]
    assert found[0].bottleneck == "decode"
    assert found[0].total_seconds == 18.0


def test_what_failed_is_counted_and_takes_no_part() -> None:
    (found,) = find_profiles(
        [row(total_seconds=1.0, outcome="cut"), row(total_seconds=1.0, status=500), row(total_seconds=2.0)]
    )
    assert (found.count, found.failed, found.total_seconds) == (1, 2, 2.0)


def test_loads_are_kept_in_memory() -> None:
    rows = [
        row(route="big", total_seconds=40.0, load_seconds=30.0, prefill_seconds=1.0, decode_seconds=8.0, cold=1)
    ] * 4
    rows += [row(route="big", total_seconds=9.0, load_seconds=0.0, prefill_seconds=1.0, decode_seconds=7.0, cold=0)] * 4
    (found,) = find_profiles(rows)
    best = find_best([found])
    assert found.bottleneck == "load"
    assert best is not None
    assert best[1].phase == "load"
    assert best[1].saves_seconds == 120.0
    assert "pinned = true" in best[1].say
    assert "4 of 8" in best[1].say


def test_a_queue_wants_another_replica() -> None:
    (found,) = find_profiles([row(route="m", queue_seconds=5.0, first_byte_seconds=5.1, total_seconds=6.0)] * 10)
    assert found.change is not None
    assert (found.change.phase, found.change.saves_seconds) == ("queue", 50.0)


def test_long_prompts_without_a_cache_want_one_and_those_with_one_do_not() -> None:
    known = {"first_byte_seconds": 8.0, "total_seconds": 9.0, "input_tokens": 4000, "output_tokens": 10}
    (cold,) = find_profiles([row(route="m", cached_tokens=100, **known)] * 5)
    (warm,) = find_profiles([row(route="m", cached_tokens=3000, **known)] * 5)
    assert cold.change is not None
    assert warm.change is not None
    assert "prefixes" in cold.change.say
    assert "prefixes" not in warm.change.say


def test_a_model_that_lies_partly_on_the_cpu_is_told_so() -> None:
    known = {"first_byte_seconds": 1.0, "total_seconds": 30.0, "input_tokens": 10, "output_tokens": 100}
    (found,) = find_profiles([row(route="m", device="gpu=61%", **known)] * 5)
    assert found.change is not None
    assert "gpu=61%" in found.change.say
    assert round(found.rate, 2) == round(100 / 29, 2)


def test_the_slowest_twentieth_is_told_apart() -> None:
    rows = [row(route="m", first_byte_seconds=0.1, total_seconds=1.0)] * 95
    rows += [row(route="m", queue_seconds=20.0, first_byte_seconds=20.1, total_seconds=21.0)] * 5
    (found,) = find_profiles(rows)
    assert max(found.slowest, key=found.slowest.__getitem__) == "queue"
    assert round(sum(found.slowest.values())) == 105


def test_memory_does_not_grow_with_requests() -> None:
    many = (row(route="m", first_byte_seconds=0.1, total_seconds=float(n % 977)) for n in range(3 * SLOWEST))
    (found,) = find_profiles(many)
    assert found.count == 3 * SLOWEST
    assert sum(found.slowest.values()) >= 0.05 * 3 * SLOWEST * 900


def test_few_requests_say_nothing() -> None:
    (found,) = find_profiles([row(route="m", total_seconds=1.0, first_byte_seconds=0.5)])
    assert found.change is None
    assert find_best([found]) is None
    assert find_profiles([]) == []
