"""The table of default numbers: sound, with sources, and found by what is measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.diagnose.catalogue import load_catalogue
from keepwell.plugins.numbers import find_durations, find_limits, load_numbers, meets


def test_every_number_has_an_owner_a_source_and_known_causes() -> None:
    known = load_catalogue().issues
    assert len(load_numbers()) >= 40
    for one in load_numbers():
        assert one.owner
        assert one.name
        assert one.when
        assert one.source.startswith("https://"), one
        assert set(one.causes) <= set(known), one
        assert one.causes, one
    places = [(one.value, one.unit, one.owner, one.name) for one in load_numbers()]
    assert len(places) == len(set(places))


@pytest.mark.parametrize(
    ("seconds", "said", "status", "owners"),
    [
        (60.004, "upstream timed out", 0, {"nginx", "Kong"}),
        (301.0, "| 500 | 5m1s |", 500, {"Ollama"}),
        (100.1, "the browser shows 524", 524, {"Cloudflare"}),
        (1200.0, "after that the vGPU is slow", 0, {"NVIDIA vGPU"}),
        (600.2, "NCCL watchdog: collective operation timeout", 0, {"PyTorch distributed (NCCL)"}),
        (77.0, "upstream timed out", 0, set()),
        (60.0, "the fan runs", 0, set()),
    ],
)
def test_a_length_of_time_names_who_has_it(seconds: float, said: str, status: int, owners: set[str]) -> None:
    found = {one.owner for one in find_durations(seconds, said, status)}
    assert owners <= found
    assert bool(owners) == bool(found)


def test_limits_are_found_exactly() -> None:
    assert [one.owner for one in find_limits(64 * 1024**2, "bytes")] == ["Docker"]
    assert find_limits(64 * 1024**2, "files") == ()


@given(st.floats(0, 1e6), st.floats(1, 1e4))
def test_a_limit_is_met_within_a_tick(seconds: float, limit: float) -> None:
    if meets(seconds, limit):
        assert abs(seconds - limit) <= max(1.2, limit * 0.015)
    assert meets(limit, limit)
