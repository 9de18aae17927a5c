"""What slows an engine, judged from what was measured."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Value, failed, unknown
from keepwell.core.ref import device, node
from tests.checks.judging import engine_seen, findings, only
from tests.machines import about

GPU = device("node", 0)


def _request(kind: str, seconds: float, tokens: int = 1, **told: float) -> dict[str, Value]:
    return {"kind": kind, "seconds": seconds, "output_tokens": tokens, "timed_tokens": max(1, tokens - 1), **told}


def _speed(*requests: Mapping[str, Value], **more: Value) -> dict[str, Value]:
    return {"model": "m", "size_bytes": 10_000_000_000, "running": 0.0, "requests": tuple(requests), **more}


def _generation(rate: float, outside: float = 0.0) -> dict[str, Value]:
    seconds = 95 / rate
    return _request("generation", seconds + outside, 96, output_seconds=seconds, input_seconds=0.0)


def _judge(check: str, speed: Value | Missing, **more: Value | Missing) -> Finding:
    return only(check, *engine_seen(engine_speed=speed, **more))


def test_the_figures_are_told() -> None:
    found = _judge(
        "speed.measured",
        _speed(_request("again", 0.25), _generation(40), _request("prompt", 1.0, 1, input_tokens=500, input_seconds=1)),
    )
    assert found.status is Status.OK
    assert found.facts["tokens_per_second"] == "40"
    assert found.facts["prompt_tokens_per_second"] == "500"
    assert "first token after 0.25 s" in found.message


def test_a_clock_that_disagrees_is_told() -> None:
    found = _judge("speed.measured", _speed(_generation(40, outside=3.0)))
    assert (found.status, found.facts["kind"]) == (Status.WARNING, "disagree")


def test_a_generation_that_does_not_end_in_time_is_bad() -> None:
    found = _judge("speed.measured", _speed(_request("again", 1.0), problem="no whole answer within 20 s"))
    assert (found.status, found.facts["kind"]) == (Status.WARNING, "unfinished")


def test_what_was_not_asked_for_is_not_judged_and_what_failed_is_unknown() -> None:
    assert findings("speed.measured", *engine_seen(engine_speed=unknown("not asked for"))) == []
    assert _judge("speed.measured", failed("POST ... answered 500")).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("first", "again", "before", "kind"),
    [
        (1.0, 0.01, False, "stays"),
        (1.0, 0.9, False, "unloaded"),
        (0.0, 0.9, True, "unloaded"),
        (1.0, 0.01, True, "options"),
        (0.02, 0.02, True, "stays"),
    ],
)
def test_reloads(first: float, again: float, before: bool, kind: str) -> None:
    requests = _request("first", 2.0, load_seconds=first), _request("again", 2.0, load_seconds=again)
    found = _judge("speed.reload", _speed(*requests, loaded_before=before))
    assert found.facts["kind"] == kind
    assert found.bad is (kind == "unloaded")


def test_an_engine_that_tells_no_loading_time_is_not_judged_by_it() -> None:
    speed = _speed(_request("first", 9.0), _request("again", 9.0))
    assert findings("speed.reload", *engine_seen(engine_speed=speed)) == []


@pytest.mark.parametrize(
    ("told", "running", "seconds", "kind"),
    [
        ({"queue_seconds": 4.0}, 3.0, 4.2, "queue"),
        ({"queue_seconds": 0.01}, 3.0, 4.2, "none"),
        ({"input_seconds": 0.1}, 2.0, 4.2, "queue"),
        ({"input_seconds": 0.1}, 0.0, 4.2, "none"),
        ({}, 2.0, 4.2, "none"),
    ],
)
def test_waiting_for_a_turn(told: dict[str, float], running: float, seconds: float, kind: str) -> None:
    found = _judge("speed.queue", _speed(_request("again", seconds, **told), running=running))
    assert found.facts["kind"] == kind
    assert found.bad is (kind == "queue")


@pytest.mark.parametrize(("rate", "bad"), [(500.0, False), (30.0, True)])
def test_a_prompt_that_is_computed_token_by_token(rate: float, bad: bool) -> None:
    prompt = _request("prompt", 400 / rate, input_tokens=400, input_seconds=400 / rate)
    assert _judge("speed.prompt", _speed(_generation(25), prompt)).bad is bad


def test_a_tiny_model_or_a_short_prompt_says_nothing_of_kernels() -> None:
    prompt = _request("prompt", 40, input_tokens=400, input_seconds=40)
    small = _speed(_generation(25), prompt, size_bytes=1_000_000)
    short = _speed(_generation(25), _request("prompt", 4, input_tokens=40, input_seconds=4))
    for speed in (small, short):
        assert findings("speed.prompt", *engine_seen(engine_speed=speed)) == []


@pytest.mark.parametrize(
    ("effort", "quota", "kind"),
    [
        ({"busy_threads": 8, "cores_allowed": 8, "waited_seconds": 0.1}, None, "fits"),
        ({"busy_threads": 8, "cores_allowed": 8, "waited_seconds": 40.0, "cpu_seconds": 19.0}, 2.0, "quota"),
        ({"busy_threads": 8, "cores_allowed": 1, "waited_seconds": 40.0, "cpu_seconds": 9.0}, 2.0, "affinity"),
        ({"busy_threads": 2, "cores_allowed": 1, "waited_seconds": 12.0, "cpu_seconds": 4.0}, None, "others"),
        ({"busy_threads": 32, "waited_seconds": 90.0, "cpu_seconds": 150.0}, None, "cores"),
        ({"busy_threads": 32, "waited_seconds": 0.2}, None, "fits"),
        ({"busy_threads": 2, "waited_seconds": 0.1, "throttled_seconds": 5.0}, 2.0, "throttled"),
        ({"busy_threads": 4, "waited_seconds": 25.0}, None, "others"),
    ],
)
def test_threads(effort: dict[str, Value], quota: float | None, kind: str) -> None:
    group: dict[str, Value] = {"version": 2}
    if quota:
        group["cpu_quota_cores"] = quota
    cores = about("host.cpu", {"cores": 16, "model": "x", "flags": ()})
    seen = engine_seen(engine_effort={"seconds": 10.0, **effort}, engine_cgroup=group)
    found = only("speed.threads", *seen, cores)
    assert found.facts["kind"] == kind
    assert found.bad is (kind != "fits")
    if kind == "quota":
        assert found.facts["wished"] == "2"


@pytest.mark.parametrize(
    ("ratio", "rate", "kind", "bad"),
    [
        (1.0, 60.0, "gpu", False),  # 1000 GB/s over 10 GB allow 100 tokens/s
        (1.0, 20.0, "gpu", True),
        (1.0, 150.0, "above", False),
        (0.0, 4.0, "cpu", False),  # 50 GB/s allow 5
        (0.0, 1.0, "cpu", True),
        (0.5, 7.0, "split", False),  # half from each: 9.5
        (0.5, 1.0, "split", True),
    ],
)
def test_how_far_from_what_the_memory_allows(ratio: float, rate: float, kind: str, bad: bool) -> None:
    found = only("speed.bandwidth", *engine_seen(engine_speed=_speed(_generation(rate), gpu_ratio=ratio)), *_memory())
    assert found.facts["kind"] == kind
    assert found.bad is bad


def _memory() -> tuple[Observation, Observation]:
    return (
        about("device.bandwidth", {"bytes_per_second": 1000e9, "source": "made"}, subject=GPU),
        about("host.memory_bandwidth", {"bytes_per_second": 50e9, "source": "made"}, subject=node("node")),
    )


def test_where_nothing_is_known_nothing_is_concluded() -> None:
    untold = engine_seen(engine_speed=_speed(_generation(1)))
    assert findings("speed.bandwidth", *untold, *_memory()) == [], "where the model lies is not told"
    assert findings("speed.bandwidth", *engine_seen(engine_speed=_speed(_generation(1), gpu_ratio=1.0))) == []
    tiny = _speed(_generation(1), gpu_ratio=1.0, size_bytes=100)
    assert findings("speed.bandwidth", *engine_seen(engine_speed=tiny), *_memory()) == []


def test_a_gpu_that_was_busy_meanwhile_holds_the_model_of_an_engine_that_does_not_tell() -> None:
    load = about("device.under_load", {"engine": "engine:node/made", "utilisation_ratio": 0.9}, subject=GPU)
    seen = engine_seen(engine_speed=_speed(_generation(20)))
    assert only("speed.bandwidth", *seen, *_memory(), load).facts["kind"] == "gpu"


@pytest.mark.parametrize(
    ("now", "then", "kind"),
    [
        ((40, 39), (41, 40), "same"),
        ((20, 20), (40, 39), "slower"),
        ((80, 80), (40, 39), "faster"),
        ((30, 30), (45, 30), "same"),  # equal requests of the earlier run differ by a third already
    ],
)
def test_two_runs(now: tuple[float, float], then: tuple[float, float], kind: str) -> None:
    speeds = [_speed(*map(_generation, rates)) for rates in (now, then)]
    found = _judge("speed.change", speeds[0], engine_speed_earlier={**speeds[1], "at": 1_790_000_000.0})
    assert found.facts["kind"] == kind
    assert found.bad is (kind == "slower")


def test_another_model_is_no_comparison() -> None:
    earlier = {**_speed(_generation(100)), "model": "other", "at": 1.0}
    speed = _speed(_generation(10))
    assert findings("speed.change", *engine_seen(engine_speed=speed, engine_speed_earlier=earlier)) == []


numbers = st.floats(min_value=-1e12, max_value=1e12) | st.text(max_size=3) | st.booleans()
rows = st.fixed_dictionaries(
    {"kind": st.sampled_from(["first", "again", "generation", "prompt", "x"])},
    optional=dict.fromkeys(
        ("seconds", "output_tokens", "timed_tokens", "input_tokens", "load_seconds", "output_seconds"), numbers
    ),
)


@settings(max_examples=60)
@given(st.lists(rows, max_size=6), numbers, numbers)
def test_no_shape_of_a_measurement_breaks_a_judge(requests: list[dict[str, Value]], size: Value, ratio: Value) -> None:
    speed: dict[str, Value] = {"requests": tuple(requests), "size_bytes": size, "gpu_ratio": ratio, "model": "m"}
    seen = engine_seen(engine_speed=speed, engine_speed_earlier=speed, engine_effort=speed)
    for check in ("measured", "reload", "queue", "prompt", "threads", "bandwidth", "change"):
        assert all(one.check == f"speed.{check}" for one in findings(f"speed.{check}", *seen, *_memory()))
