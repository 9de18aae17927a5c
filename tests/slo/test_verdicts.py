"""Which requests are good, which bad, and which say nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keepwell.config.objective_model import ObjectiveEntry
from keepwell.slo.verdicts import judge_row
from tests.slo.made import AVAILABLE, NOON, QUICK, failed, row


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"status": 502, "outcome": "replica_refused"}, False),
        ({"status": 200, "outcome": "error_in_stream"}, False),
        ({"status": 503, "outcome": "no_replica"}, False),
        ({"status": 429, "outcome": "queue_full"}, False),
        ({"status": 504, "outcome": "replica_silent"}, False),
    ],
)
def test_what_the_servers_owe(changes: dict[str, Any], good: bool) -> None:
    verdict = judge_row(AVAILABLE, row(NOON, **changes))
    assert verdict is not None
    assert verdict.good is good


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "client_gone"},
        {"outcome": "client_slow", "status": 200},
        {"status": 400, "outcome": "malformed_body"},
        {"status": 401, "outcome": "invalid_api_key"},
        {"status": 404, "outcome": "model_not_found"},
        {"status": 429, "outcome": "rate_limit_exceeded"},
    ],
)
def test_what_clients_do_counts_neither_way(changes: dict[str, Any]) -> None:
    assert judge_row(AVAILABLE, row(NOON, **changes)) is None


def test_a_threshold_is_exact() -> None:
    assert judge_row(QUICK, row(NOON, first_byte_seconds=2.0)) == (True, False, 2.0)
    assert judge_row(QUICK, row(NOON, first_byte_seconds=2.000001)) == (False, False, 2.000001)
    assert judge_row(QUICK, row(NOON, first_byte_seconds=-1.0)) is None


def test_times_of_failed_requests_say_nothing_but_giving_up_late_does() -> None:
    assert judge_row(QUICK, failed(NOON)) is None
    gone = row(NOON, outcome="client_gone", first_byte_seconds=-1.0, total_seconds=9.0)
    assert judge_row(QUICK, gone) == (False, False, 9.0)
    assert judge_row(QUICK, replace(gone, total_seconds=1.0)) is None


def test_cold_requests_are_apart_in_times_and_not_in_availability() -> None:
    cold = row(NOON, cold=1, first_byte_seconds=40.0)
    assert judge_row(QUICK, cold) == (False, True, 40.0)
    assert judge_row(replace(QUICK, cold=True), cold) == (False, False, 40.0)
    assert judge_row(QUICK, row(NOON, cold=-1, load_seconds=8.0, first_byte_seconds=9.0)) == (False, True, 9.0)
    assert judge_row(QUICK, row(NOON, cold=-1, load_seconds=0.02, first_byte_seconds=9.0)) == (False, False, 9.0)
    assert judge_row(AVAILABLE, cold) == (True, False, 0.0)


def test_other_indicators() -> None:
    rate = ObjectiveEntry(name="rate", indicator="throughput", target=0.9, at_least=50.0)
    assert judge_row(rate, row(NOON, output_token_seconds=0.02)) == (True, False, 50.0)
    assert judge_row(rate, row(NOON, output_token_seconds=0.025)) == (False, False, 40.0)
    assert judge_row(rate, row(NOON, output_token_seconds=-1.0)) is None
    first = ObjectiveEntry(name="first", indicator="first_try", target=0.9)
    assert judge_row(first, row(NOON, retries=1)) == (False, False, 0.0)
    for indicator, field in (("tpot", "output_token_seconds"), ("queue", "queue_seconds"), ("total", "total_seconds")):
        one = ObjectiveEntry(name="x", indicator=indicator, target=0.9, within_seconds=1.0)
        assert judge_row(one, row(NOON, **{field: 1.5})) == (False, False, 1.5)


def test_what_an_objective_is_about() -> None:
    assert judge_row(QUICK, row(NOON, route="other", asked="other")) is None
    assert judge_row(QUICK, row(NOON, route="other", asked="chat")) is not None
    assert judge_row(replace(AVAILABLE, replica="gpu02/small"), row(NOON)) is None
    assert judge_row(replace(AVAILABLE, key="bob"), row(NOON)) is None
    assert judge_row(replace(AVAILABLE, key="ada", replica="gpu01/big"), row(NOON)) is not None
