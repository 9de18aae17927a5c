"""The sampler's thread: real time, real threads, collectors that hang and fail."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from keepwell.telemetry.rounds import Sample
from keepwell.telemetry.sampling import TOO_SOON, Sampler, load_collectors, until_next
from keepwell.testing.waiting import eventually
from keepwell.transport.clock import SystemClock
from tests.telemetry.made import Made, plan


def names(samples: list[Sample]) -> list[str]:
    return [name for one in samples for name, _ in one.parts if name]


def test_it_samples_until_it_is_closed_and_then_lets_go() -> None:
    one = Made(every_seconds=0.05)
    got: list[Sample] = []
    sampler = Sampler(plan([], one=one), SystemClock(), got.append)
    assert not sampler.running
    sampler.start()
    eventually(lambda: len(got) >= 3)
    sampler.close()
    assert not sampler.running
    count = len(got)
    assert one.closed == 1
    assert count == len(got)
    sampler.close()


def test_one_that_hangs_costs_only_itself_and_comes_back() -> None:
    stuck, fine = Made(every_seconds=0.05, hang=threading.Event()), Made(every_seconds=0.05, label="5")
    told: list[str] = []
    got: list[Sample] = []
    sampler = Sampler(plan(told, fine=fine, stuck=stuck), SystemClock(), got.append)
    sampler.start()
    eventually(lambda: names(got).count("fine") >= 4)
    assert "stuck" not in names(got)
    assert told == ["the collector stuck hangs; it is left out until it comes back"]
    assert [value for one in got for key, value in _account(one) if key == ("collector.up", "stuck")][-1] == 0.0
    hang, stuck.hang = stuck.hang, None
    assert hang is not None
    hang.set()
    eventually(lambda: "stuck" in names(got))
    sampler.close()
    assert (stuck.closed, fine.closed) == (1, 1)


def test_closing_waits_for_no_look_that_hangs() -> None:
    hang = threading.Event()
    sampler = Sampler(plan([], stuck=Made(hang=hang)), SystemClock(), [].append)
    sampler.start()
    closing = threading.Thread(target=sampler.close)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    hang.set()


def test_looks_that_failed_are_begun_anew() -> None:
    bad = Made(every_seconds=0.05, broken=True)
    told: list[str] = []
    sampler = Sampler(plan(told, bad=bad, good=Made(every_seconds=0.05)), SystemClock(), [].append)
    sampler.start()
    eventually(lambda: told)
    sampler.close()
    assert "ZeroDivisionError" in told[0]


@given(st.floats(0, 4e9), st.sampled_from([0.2, 1.0, 5.0]))
def test_samples_fall_on_full_steps_and_never_twice_on_one(now: float, every: float) -> None:
    wait = until_next(now, every)
    assert TOO_SOON * every - 1e-6 <= wait <= (1 + TOO_SOON) * every
    beyond = (now + wait) % every
    assert min(beyond, every - beyond) < 1e-5


def test_collectors_that_must_run_on_the_machine_are_left_out_elsewhere() -> None:
    here, far = load_collectors(here=True), load_collectors(here=False)
    assert {"host_cpu", "processes", "containers"} <= far.keys() <= here.keys()
    assert all(not one.here_only for one in far.values())


def _account(sample: Sample) -> list[tuple[tuple[str, str], object]]:
    return [((key.metric, key.labels[0][1]), value) for name, part in sample.parts if not name for key, value in part]
