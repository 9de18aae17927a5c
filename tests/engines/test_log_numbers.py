"""What Ollama's log tells as it grows, of both generations of its lines."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.series import SeriesKey
from keepwell.engines.ollama.log_numbers import EDGES, LogNumbers
from tests.engines.kit import lines_of

NOW = 1_800_000_000.0
CHILD = (
    'time=2026-08-20T10:00:00Z level=INFO msg="starting llama-server" cmd="/x/llama-server --model /m/blobs/sha256-bb"'
)


def read(lines: Sequence[str]) -> LogNumbers:
    """All lines at once."""
    numbers = LogNumbers(source="log")
    numbers.read(lines, NOW)
    return numbers


def test_a_load_of_an_own_runner() -> None:
    numbers = read(lines_of("ollama-0.9.3.log"))
    (load,) = numbers.loads.values()
    assert load.path.startswith("/srv/my models/blobs/sha256-6c5a")
    assert load.seconds == 0.25
    assert load.placement is not None
    assert (load.placement.layers, load.placement.gpu_layers) == (3, 0)
    assert numbers.counted["engine.loads_total"] == 1
    assert numbers.counted["engine.requests_total"] == 1
    assert numbers.counted["engine.end_to_end_seconds_total"] == pytest.approx(0.295119838)
    assert numbers.counted["engine.requests_failed_total"] == 0


def test_a_load_of_a_llama_server_child_on_a_card() -> None:
    numbers = read(lines_of("ollama-0.32-gpu.log"))
    (load,) = numbers.loads.values()
    assert load.seconds == 2.0
    assert load.placement is not None
    assert (load.placement.layers, load.placement.gpu_layers) == (33, 31)
    (event,) = numbers.take_events()
    assert event.what == "loaded in 2.00 s, 31 of 33 layers on a GPU"
    assert event.sure == "exact"
    assert numbers.take_events() == ()


def test_lines_may_come_one_by_one_and_with_prefixes() -> None:
    numbers = LogNumbers(source="log")
    for line in lines_of("ollama-0.32-gpu.log"):
        numbers.read([f"Aug 20 09:00:00 host ollama[7]: {line}"], NOW)
    assert [load.seconds for load in numbers.loads.values()] == [2.0]
    (event,) = numbers.take_events()
    assert event.at == pytest.approx(1787216462.0)


def test_one_eviction_of_several_lines_counts_once() -> None:
    lines = [
        'time=2026-08-20T10:00:00.0Z msg="llama-server model predicted to exceed available memory, evicting"',
        'time=2026-08-20T10:00:00.1Z level=DEBUG msg="resetting model to expire immediately to make room"',
        'time=2026-08-20T10:00:09.0Z level=DEBUG msg="resetting model to expire immediately to make room"',
        'time=2026-08-20T10:00:09.1Z level=DEBUG msg="resetting model to expire immediately to make room"',
    ]
    assert read(lines[:2]).counted["engine.evictions_total"] == 1
    assert read(lines).counted["engine.evictions_total"] == 3


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ([], "engine.loads_failed_total"),
        (['msg="llama-server started in 1.00 seconds"'], "engine.runner_deaths_total"),
    ],
)
def test_a_death_is_counted_once_and_told_apart_from_a_failed_load(before: list[str], name: str) -> None:
    died = ['msg="llama-server process has terminated: exit status 2"', 'msg="llama-server process no longer running"']
    numbers = read([CHILD, *before, *died])
    assert numbers.counted[name] == 1
    assert numbers.counted["engine.loads_failed_total"] + numbers.counted["engine.runner_deaths_total"] == 1
    numbers.read([CHILD, *died], NOW)
    assert numbers.counted["engine.loads_failed_total"] + numbers.counted["engine.runner_deaths_total"] == 2


def test_a_line_without_a_time_happened_since_the_look_before() -> None:
    numbers = LogNumbers(source="log")
    numbers.read([CHILD], NOW)
    numbers.read(["llama-server started in 1.00 seconds"], NOW + 2)
    (event,) = numbers.take_events()
    assert (event.sure, event.after, event.at) == ("between", NOW, NOW + 2)


def test_progress_of_a_prompt_begins_and_ends() -> None:
    numbers = read(
        [CHILD, "slot update_slots: id 0 | task 1 | prompt processing progress, n_tokens = 9, progress = 0.250000"]
    )
    assert numbers.progress == 0.25
    numbers.read(
        ["slot print_timing: id 0 | task 1 | prompt processing, n_tokens =   512, progress = 0.50, t = 1.0 s"], NOW
    )
    assert numbers.progress == 0.5
    numbers.read(["slot      release: id 0 | task 1 | stop processing: n_tokens = 9, truncated = 0"], NOW)
    assert numbers.progress is None


@pytest.mark.parametrize(
    ("status", "took", "path", "counted"),
    [
        (200, "1m2.5s", "/api/chat", (1, 0, 0)),
        (503, "8.5µs", "/v1/chat/completions", (1, 1, 1)),
        (500, "12ms", "/api/generate", (1, 1, 0)),
        (400, "12ms", "/api/embed", (1, 0, 0)),
        (200, "12ms", "/api/pull", (0, 0, 0)),
    ],
)
def test_requests_by_the_access_lines(status: int, took: str, path: str, counted: tuple[int, int, int]) -> None:
    line = f'[GIN] 2026/11/22 - 02:58:09 | {status} |  {took} |       127.0.0.1 | POST     "{path}"'
    found = read([line]).counted
    assert (
        found["engine.requests_total"],
        found["engine.requests_failed_total"],
        found["engine.requests_refused_total"],
    ) == counted
    assert found["engine.end_to_end_total"] == counted[0]


def test_buckets_rise_to_the_number_of_all() -> None:
    lines = [
        f'[GIN] 2026/11/22 - 02:58:09 | 200 | {took} | 1.2.3.4 | POST "/api/chat"' for took in ("100ms", "7s", "3h")
    ]
    found = dict(read(lines).readings("engine:node/it"))
    key = "engine.end_to_end_bucket_total"
    values = [found[SeriesKey(key, "engine:node/it", (("le", str(edge)),))] for edge in EDGES]
    assert values == sorted(value for value in values if isinstance(value, float))
    assert (values[0], values[-1]) == (1, 2)
    assert found[SeriesKey(key, "engine:node/it", (("le", "+Inf"),))] == 3


@settings(max_examples=80, deadline=None)
@given(lines=st.lists(st.one_of(st.text(max_size=80), st.sampled_from(lines_of("ollama-0.9.3.log"))), max_size=20))
def test_any_lines_in_any_order_raise_nothing_and_counters_only_grow(lines: list[str]) -> None:
    numbers = LogNumbers(source="log")
    before = dict(numbers.counted)
    for line in lines:
        numbers.read([line], NOW)
        assert all(numbers.counted[name] >= value for name, value in before.items())
        before = dict(numbers.counted)
