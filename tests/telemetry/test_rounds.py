"""Collectors in turn: each when it is due, and one that fails takes nothing from the others."""

from __future__ import annotations

import pytest

from keepwell.plugins.collector import Moment
from keepwell.telemetry.rounds import ACCOUNT_SECONDS, Fence, Look, Rounds, Sample
from keepwell.testing.clock import FakeClock
from keepwell.testing.made_sight import MadeSight
from tests.telemetry.made import Made, plan


class Scene:
    def __init__(self, **collectors: Made) -> None:
        self.clock = FakeClock()
        self.told: list[str] = []
        self.rounds = Rounds(plan(self.told, **collectors), self.clock.monotonic)

    def look(self, seconds: float = 0.0) -> Sample:
        self.clock.advance(seconds)
        found = self.rounds.look(MadeSight(), Moment(self.clock.now(), self.clock.monotonic()), Look())
        assert found is not None
        return found

    def names(self, seconds: float = 0.0) -> list[str]:
        return [name for name, _ in self.look(seconds).parts if name]


def test_each_looks_when_it_is_due() -> None:
    scene = Scene(quick=Made(every_seconds=1), slow=Made(every_seconds=5))
    assert scene.names() == ["quick", "slow"]
    assert [scene.names(1) for _ in range(5)] == [["quick"]] * 4 + [["quick", "slow"]]


def test_a_timer_that_is_a_little_early_costs_no_look() -> None:
    scene = Scene(quick=Made(every_seconds=1))
    scene.look()
    assert scene.names(0.95) == ["quick"]
    assert scene.names(0.5) == []


def test_a_bug_is_told_and_stops_nobody_else() -> None:
    bad, good = Made(broken=True), Made()
    scene = Scene(bad=bad, good=good)
    assert scene.names() == ["good"]
    assert "bad failed (ZeroDivisionError: a bug); again in 5 s" in scene.told[0]
    assert [scene.names(1) for _ in range(4)] == [["good"]] * 4
    assert bad.looks == 1
    bad.broken = False
    assert scene.names(1) == ["bad", "good"]
    assert (bad.opened, bad.closed) == (2, 1)


def test_pauses_grow_and_begin_small_again_after_a_good_look() -> None:
    bad = Made(broken=True)
    scene = Scene(bad=bad)
    for _ in range(400):
        scene.look(1)
    pauses = [line.rpartition("in ")[2] for line in scene.told]
    assert pauses[:7] == ["5 s", "10 s", "20 s", "40 s", "80 s", "160 s", "300 s"]
    bad.broken = False
    for _ in range(300):
        scene.look(1)
    bad.broken = True
    scene.look(1)
    assert scene.told[-1].endswith("again in 5 s")


def test_what_collectors_do_is_told_too() -> None:
    scene = Scene(bad=Made(broken=True), good=Made())
    (account,) = [part for name, part in scene.look().parts if not name]
    told = {(key.metric, key.labels[0][1]): value for key, value in account}
    assert (told["collector.up", "good"], told["collector.up", "bad"]) == (1.0, 0.0)
    assert told["collector.duration_seconds", "good"] == 0.0
    assert not [name for name, _ in scene.look(1).parts if not name]
    assert [name for name, _ in scene.look(ACCOUNT_SECONDS).parts if not name]


def test_one_that_hangs_is_left_out_until_it_is_back() -> None:
    stuck = Made()
    scene = Scene(stuck=stuck, other=Made())
    scene.look()
    scene.rounds.leave_out("stuck")
    assert scene.names(1) == ["other"]
    late = Look(over=True)
    moment = Moment(scene.clock.now(), scene.clock.monotonic() + 1)
    assert scene.rounds.look(MadeSight(), moment, late) is None


def test_a_fence_lets_through_what_must_end_a_process() -> None:
    with Fence() as fence:
        raise ValueError("kept")
    assert isinstance(fence.error, ValueError)
    with pytest.raises(KeyboardInterrupt), Fence():
        raise KeyboardInterrupt


def test_a_sample_is_one_batch() -> None:
    batch = Scene(one=Made(), two=Made(label="5")).look().batch("far")
    assert (batch.node, len(batch.readings)) == ("far", 2 + 4)
