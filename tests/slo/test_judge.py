"""Verdicts and what is said of them: made rows, one instant, exact numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.finding import Finding, Status
from keepwell.slo.counting import count_requests, gather
from keepwell.slo.finding import find_subject, make_finding, slug
from keepwell.slo.judge import State, judge_objective
from keepwell.slo.saying import say_promise, say_when
from keepwell.store.requests import RequestRow
from keepwell.store.tallies import Tallies
from tests.slo.made import AVAILABLE, NOON, QUICK, ListLog, failed, row

DAY, MINUTE = 86400.0, 60.0


def verdict(
    tmp_path: Path, objective: ObjectiveEntry, rows: Sequence[RequestRow], *, already: bool = False
) -> tuple[State, Finding]:
    """Counted and judged at NOON."""
    tallies = Tallies(tmp_path / "tallies.db")
    try:
        count_requests(tallies, ListLog(rows), [objective], NOON)
        state = judge_objective(objective, gather(tallies, objective, NOON), NOON, already=already)
    finally:
        tallies.close()
    return state, make_finding(state, NOON, home="hub", zone=UTC)


def steady(minutes: int, every: float = 60.0) -> list[RequestRow]:
    """Requests that went well, up to now."""
    return [row(NOON - every * number) for number in range(minutes, 0, -1)]


def test_all_is_well(tmp_path: Path) -> None:
    state, finding = verdict(tmp_path, AVAILABLE, steady(600))
    assert finding.status is Status.OK
    assert finding.check == "slo.answered"
    assert str(finding.subject) == "service:hub/gateway"
    assert finding.message == "0 of 600 requests failed in the last day; 100 % of the month's allowance is left"
    assert finding.facts["kind"] == "kept"
    assert state.budget.ends_at == math.inf


def test_nothing_was_asked_yet(tmp_path: Path) -> None:
    _, finding = verdict(tmp_path, AVAILABLE, [])
    assert finding.status is Status.UNKNOWN
    assert "nothing was counted" in finding.message


def test_one_failed_request_at_night_wakes_nobody(tmp_path: Path) -> None:
    """Neither alone in hours, nor tried again twice by its client, nor after a busy day."""
    alone = [failed(NOON - 60)]
    again = [failed(NOON - 60), failed(NOON - 59), failed(NOON - 57)]
    for rows in (alone, again, [*steady(40, 600.0), *again]):
        state, finding = verdict(tmp_path / str(len(rows)), AVAILABLE, rows)
        assert state.status is not Status.CRITICAL, finding.message
        assert not state.told
        assert not state.firing


def test_a_request_a_minute_and_two_of_twenty_fail(tmp_path: Path) -> None:
    rows = steady(8 * 1440)
    rows[-19] = failed(rows[-19].at)
    rows[-1] = failed(rows[-1].at)
    state, finding = verdict(tmp_path, AVAILABLE, rows)
    assert finding.status is Status.WARNING
    assert finding.facts["kind"] == "few"
    assert finding.facts["severity"] == "ticket"
    assert finding.facts["replica"] == "gpu01/big"
    assert finding.message.startswith(
        "2 of 19 requests failed in the last 19 minutes (at gpu01/big, as replica_refused): once in 56"
    )
    assert state.budget.used == 2


def test_an_outage_at_a_request_a_minute_pages_after_three(tmp_path: Path) -> None:
    rows = [*steady(2000), *(failed(NOON + MINUTE * number) for number in range(-3, 0))]
    rows = [one for one in rows if one.outcome or one.at < NOON - 200]
    _, finding = verdict(tmp_path, AVAILABLE, rows)
    assert finding.status is Status.CRITICAL
    assert finding.facts["severity"] == "page"
    _, quiet = verdict(tmp_path / "quiet", replace(AVAILABLE, page=False), rows)
    assert quiet.status is Status.WARNING


def test_the_words_of_a_burn(tmp_path: Path) -> None:
    """340 requests in an hour, 114 of them slow, after three days in which all were quick."""
    past = [row(NOON - 3600 - 60.0 * number, first_byte_seconds=0.3) for number in range(3 * 1440, 0, -1)]
    hour = [row(NOON - 3600 + 10.5 * number, first_byte_seconds=3.0 * (number % 3 == 0)) for number in range(340)]
    objective = replace(QUICK, route="chat", target=0.98)
    state, finding = verdict(tmp_path, objective, [*past, *hour])
    assert finding.status is Status.CRITICAL
    assert finding.facts["kind"] == "burn"
    assert str(finding.subject) == "route:chat"
    assert finding.facts["burn"] == "16.8"
    assert finding.message == (
        "114 of 340 requests on chat took over 2 s to their first token in the last hour (at gpu01/big); "
        "at this pace the month's allowance ends at 19:03"
    )
    assert state.firing[0].factor == 14.4


def test_a_burn_needs_a_floor_of_requests(tmp_path: Path) -> None:
    """15 of 19 failed within the hour: windows say nothing, and what few requests tell does."""
    rows = [failed(NOON - 1800 + 60 * number, key=str(number)) for number in range(15)] + steady(4)
    state, _ = verdict(tmp_path, AVAILABLE, rows)
    assert not state.firing
    assert state.paged


def test_an_allowance_that_is_used_up(tmp_path: Path) -> None:
    rows = sorted([*steady(30 * 24, 3600.0), *(failed(NOON - DAY * number) for number in range(4, 14))], key=_at)
    state, finding = verdict(tmp_path, AVAILABLE, rows)
    assert finding.status is Status.WARNING
    assert finding.facts["kind"] == "used-up"
    assert "the month's allowance is used up: 10 where 3.65 are allowed" in finding.message
    assert state.budget.left < 0


def _at(one: RequestRow) -> float:
    return one.at


def test_an_allowance_that_one_request_used_up_is_no_warning(tmp_path: Path) -> None:
    """Ten requests in a month allow nothing; one of them failed, and its client tried again twice."""
    rows = [*steady(10, 2 * DAY), failed(NOON - 60), failed(NOON - 59), failed(NOON - 57)]
    state, finding = verdict(tmp_path, AVAILABLE, rows)
    assert state.budget.left < 0
    assert finding.status is Status.OK
    assert "used up: 3 where" in finding.message


def test_cold_requests_are_apart(tmp_path: Path) -> None:
    rows = [*steady(50), *(row(NOON - 30, cold=1, first_byte_seconds=60.0) for _ in range(50))]
    state, finding = verdict(tmp_path, QUICK, rows)
    assert finding.status is Status.OK
    assert (state.cold.cold_good, state.cold.cold_bad) == (0, 50)


def test_what_an_objective_is_about() -> None:
    assert str(find_subject(replace(AVAILABLE, replica="gpu01/big"), "hub")) == "engine:gpu01/big"
    assert str(find_subject(replace(AVAILABLE, about="device:gpu01/0"), "hub")) == "device:gpu01/0"
    assert str(find_subject(replace(AVAILABLE, indicator="freshness", path="/backup"), "hub")) == "node:hub"
    assert slug("Chat: first token!") == "chat-first-token"
    assert slug("!") == "objective"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3600.0, "at 13:00"),
        (DAY, "tomorrow at 12:00"),
        (DAY * 1.5, "Friday"),
        (DAY * 6, "Tuesday"),
        (DAY * 7, "on 14 January"),
        (DAY * 20, "on 27 January"),
    ],
)
def test_when_in_words(seconds: float, words: str) -> None:
    assert say_when(NOON, NOON + seconds, UTC) == words


def test_promises_in_words() -> None:
    assert say_promise(AVAILABLE) == "99.5 % of requests are answered, over 30 days"
    assert say_promise(QUICK) == "95 % of requests on chat get their first token within 2 s, over 30 days"
    band = ObjectiveEntry(
        name="busy", indicator="utilisation", target=0.9, low=0.1, high=0.8, metric="device.utilisation_ratio"
    )
    assert say_promise(band) == "in 90 % of minutes device.utilisation_ratio is between 0.1 and 0.8, over 30 days"


def test_a_windows_share_must_not_be_what_chance_gives(tmp_path: Path) -> None:
    """99.9 % promised and just kept: three of a night's 300 are ten times too many, and come by chance now and then."""
    strict = replace(AVAILABLE, target=0.999)
    rows = steady(300)
    for place, number in ((-150, 1), (-80, 2), (-10, 3)):
        rows[place] = failed(rows[place].at, key=str(number))
    state, _ = verdict(tmp_path, strict, rows)
    assert not [one for one in state.firing if one.severity == "page"]
    for place in range(-60, 0, 5):
        rows[place] = failed(rows[place].at, key=str(place))
    state, _ = verdict(tmp_path / "more", strict, rows)
    assert [one for one in state.firing if one.severity == "page"]


def test_a_busy_service_with_one_client_pages_too(tmp_path: Path) -> None:
    """All requests are of one key: what fails of it within a minute is one sign, and still an outage."""
    rows = [row(NOON - 3600 + number) for number in range(3000)]
    rows += [failed(NOON - 600 + number) for number in range(600)]
    state, finding = verdict(tmp_path, AVAILABLE, rows)
    assert finding.status is Status.CRITICAL
    assert state.firing
