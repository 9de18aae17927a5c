"""A planted 5 % at one request a minute: found within half an hour with probes, and as often as can be without."""

from __future__ import annotations

import random

import pytest

from keepwell.slo.chance import tail
from keepwell.slo.scan import scan
from keepwell.slo.tally import MINUTE, Tally

MONTH_MINUTES = 43_200
PAST = [Tally(MINUTE * number, good=1) for number in range(1440)]


def find_after(seed: int, *, probes: int, minutes: int) -> int | None:
    """After how many minutes somebody is told: a day without failures, then 5 % of everything."""
    rng = random.Random(seed)
    made = list(PAST)
    for number in range(minutes):
        bad = sum(rng.random() < 0.05 for _ in range(1 + probes))
        made.append(Tally(MINUTE * (len(PAST) + number), good=1 + probes - bad, bad=bad, spells=bad))
        if bad:
            found = scan(made[-1440:], 0.001, MONTH_MINUTES * (1 + probes))
            if found is not None and found.is_told(already=False):
                return number + 1
    return None


def test_with_four_probes_a_minute_it_is_found_within_half_an_hour() -> None:
    found = [find_after(seed, probes=4, minutes=30) for seed in range(200)]
    assert sum(one is not None for one in found) >= 188


def test_without_probes_it_is_found_nearly_as_often_as_two_requests_fail_at_all() -> None:
    found = sum(find_after(seed, probes=0, minutes=30) is not None for seed in range(400)) / 400
    assert tail(30, 0.05, 2) - 0.08 < found < tail(30, 0.05, 2) + 0.05


def test_within_two_hours_it_is_found_without() -> None:
    assert sum(find_after(seed, probes=0, minutes=120) is not None for seed in range(150)) >= 135


@pytest.mark.long
def test_healthy_months_are_told_of_about_twice() -> None:
    """0.1 % failing, ten months: what is told anew, by the test of few requests."""
    rng, told, minutes = random.Random(11), 0, list(PAST)
    already = False
    for _ in range(10 * MONTH_MINUTES):
        bad = int(rng.random() < 0.001)
        minutes.append(Tally(MINUTE * len(minutes), good=1 - bad, bad=bad, spells=bad))
        if bad or (already and not len(minutes) % 5):
            found = scan(minutes[-1440:], 0.001, MONTH_MINUTES)
            now = found is not None and found.is_told(already=already)
            assert found is None or not found.is_paged(0.005)
            told, already = told + (now and not already), now
    assert 5 <= told <= 35
