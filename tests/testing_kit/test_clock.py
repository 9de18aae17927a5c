"""FakeClock moves when told, SystemClock by itself."""

from __future__ import annotations

import time

import pytest

from keepwell.core.clock import Clock
from keepwell.testing.clock import START, FakeClock
from keepwell.transport.clock import SystemClock


def test_fake_time_stands_still_until_told() -> None:
    clock: Clock = FakeClock()
    assert (clock.now(), clock.monotonic()) == (START, 0.0)
    fake = FakeClock(100.0)
    fake.advance(2.5)
    assert (fake.now(), fake.monotonic()) == (102.5, 2.5)
    with pytest.raises(ValueError, match="go back"):
        fake.advance(-1)


def test_system_time_is_the_real_one() -> None:
    clock: Clock = SystemClock()
    assert abs(clock.now() - time.time()) < 5
    assert clock.monotonic() <= clock.monotonic()
