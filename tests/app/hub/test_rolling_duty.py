"""Minutes are kept; one that cannot be stored is made up for; nothing is lost at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.rolling import LATE_SECONDS, Rolling
from keepwell.core.errors import AccessError
from keepwell.core.series import Batch, SeriesKey
from keepwell.testing.clock import FakeClock
from tests.app.hub.made import make_hub

KEY = SeriesKey("host.load", "node:n")
BEGIN = 1_800_000_000.0


def sample(hub: Hub, begin: float, seconds: int) -> None:
    for second in range(seconds):
        hub.table.put(Batch(node="n", at=begin + second, readings=((KEY, float(second)),)))


async def test_each_minute_is_kept_once_it_is_over(tmp_path: Path) -> None:
    clock = FakeClock(BEGIN)
    hub = make_hub(tmp_path, clock=clock)
    duty = Rolling()
    await duty.do(hub, BEGIN)
    sample(hub, BEGIN, 130)
    await duty.do(hub, BEGIN + 60 + LATE_SECONDS - 1)
    assert hub.series.points(KEY, BEGIN, BEGIN + 600) == ()
    await duty.do(hub, BEGIN + 130)
    (one,) = hub.series.points(KEY, BEGIN, BEGIN + 600)
    assert (one.at, one.mean, one.low, one.high, one.samples) == (BEGIN, 29.5, 0.0, 59.0, 60)
    clock.advance(130)
    await duty.close()
    assert [one.samples for one in hub.series.points(KEY, BEGIN, BEGIN + 600)] == [60, 60, 10]
    assert hub.series.quantiles(KEY, BEGIN, BEGIN + 600, (1.0,)) == pytest.approx((129.0,), rel=0.011)


async def test_a_minute_that_could_not_be_stored_is_made_up_for(tmp_path: Path) -> None:
    hub = make_hub(tmp_path, clock=FakeClock(BEGIN))
    duty = Rolling()
    await duty.do(hub, BEGIN)
    sample(hub, BEGIN, 120)
    (tmp_path / "series").write_text("in the way")
    with pytest.raises(AccessError):
        await duty.do(hub, BEGIN + 100)
    (tmp_path / "series").unlink()
    await duty.do(hub, BEGIN + 140)
    assert [one.samples for one in hub.series.points(KEY, BEGIN, BEGIN + 600)] == [60, 60]
