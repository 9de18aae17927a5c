"""Alarms ring, once for each time they were set, and never before their time."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from keepwell.bench.alarm import Alarm
from tests.support import eventually_async


@pytest.mark.parametrize("ahead", [-1.0, 0.0, 0.01])
async def test_it_rings(ahead: float) -> None:
    rang: list[float] = []
    alarm = Alarm(lambda: rang.append(monotonic()))
    at = monotonic() + ahead
    alarm.set(at)
    assert not rang

    async def has_rung() -> bool:
        return bool(rang)

    await eventually_async(has_rung)
    alarm.close()
    assert len(rang) == 1
    assert rang[0] >= at


async def test_a_later_setting_counts() -> None:
    rang: list[float] = []
    alarm = Alarm(lambda: rang.append(monotonic()))
    alarm.set(monotonic())
    at = monotonic() + 0.03
    alarm.set(at)
    await asyncio.sleep(0.06)
    alarm.close()
    assert len(rang) == 1
    assert rang[0] >= at


async def test_a_closed_one_is_silent() -> None:
    rang: list[float] = []
    alarm = Alarm(lambda: rang.append(monotonic()))
    alarm.set(monotonic() + 0.01)
    alarm.close()
    await asyncio.sleep(0.03)
    assert not rang
