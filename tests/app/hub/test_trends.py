"""Trends, from the real stores of a hub to findings, to what the next look at the node knows."""

from __future__ import annotations

import random
from pathlib import Path

from keepwell.app.hub.trends import Trends
from keepwell.app.operation import Caller
from keepwell.app.trends import ROOMS
from keepwell.core.finding import Status
from keepwell.core.observation import Observation, Value
from keepwell.core.ref import Ref, node
from keepwell.core.series import Point, SeriesKey
from keepwell.metrics import declared
from keepwell.store.trends import AGE_SECONDS, load_trends, parse_trends, render_trends, save_trends
from keepwell.survey.survey import survey
from keepwell.testing.clock import START, FakeClock
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from tests.app.hub.made import make_hub

HOUR, GIB = 3600.0, 1024.0**3
NOW = START + 30 * HOUR


def point(at: float, value: float) -> Point:
    """A minute in which a number stood still."""
    return Point(at, value, value, value, value, 60)


async def test_a_disk_that_fills_up_is_pinned_and_kept(tmp_path: Path) -> None:
    hub = make_hub(tmp_path, clock=FakeClock(NOW))
    subject = f"mount:{hub.here}//data"
    total, free = SeriesKey("mount.total_bytes", subject), SeriesKey("mount.free_bytes", subject)
    for minute in range(0, 30 * 60, 10):
        at = START + 60.0 * minute
        left = 1000 * GIB - 3 * GIB * minute / 60
        hub.series.add([(total, point(at, 1600 * GIB)), (free, point(at, left))])
    await Trends().do(hub, NOW)
    (found,) = hub.board.findings()
    assert (found.check, found.status) == ("trend.rooms", Status.OK)
    assert 12.5 < float(found.facts["days"]) < 13.0
    assert "72 GiB more each day" in found.message
    (kept,) = load_trends(tmp_path, hub.here, NOW + 60)
    assert parse_trends(render_trends([kept])) == (kept,)
    assert load_trends(tmp_path, "other", NOW) == ()
    assert load_trends(tmp_path, hub.here, NOW + AGE_SECONDS + 60) == ()
    hub.requests.close()
    hub.series.close()


async def test_the_next_look_at_the_node_knows_it(tmp_path: Path) -> None:
    place, clock = LocalTransport(), SystemClock()
    row: dict[str, Value] = {"subject": f"mount:{place.name}//data", "kind": "disk", "total_bytes": 100.0, "sure": True}
    row |= {"used_ratio": 0.7, "days": 3.0, "growth_bytes_per_day": 10.0}
    known = Observation(subject=node(place.name), name="trend.rooms", value=(row,), at=clock.now(), source="kept")
    save_trends(tmp_path, [known])
    earlier = load_trends(tmp_path, place.name, clock.now())
    found = await survey(place, clock, earlier, level=2)
    (full,) = [one for one in found.findings if one.check == "trend.rooms"]
    assert full.status is Status.WARNING
    await place.close()


async def test_an_engine_that_became_slower_is_found(tmp_path: Path) -> None:
    rng = random.Random(1)
    hub = make_hub(tmp_path, clock=FakeClock(NOW))
    key = SeriesKey("engine.output_tokens_per_second", "engine:gpu01/big")
    for hour in range(30):
        for minute in range(0, 60, 20):
            value = rng.uniform(48, 52) * (1 - 0.5 * (hour >= 20))
            hub.series.add([(key, point(START + HOUR * hour + 60.0 * minute, value))])
    hub.series.fold(NOW + HOUR)
    await Trends().do(hub, NOW)
    (found,) = hub.board.findings()
    assert (found.check, str(found.subject)) == ("trend.steps", "engine:gpu01/big")
    assert abs(float(found.facts["at"]) - (START + 20 * HOUR)) <= HOUR
    assert load_trends(tmp_path, "gpu01", NOW)[0].subject == Ref("node", ("gpu01",))
    hub.requests.close()
    hub.series.close()


async def test_a_pool_is_told_by_its_name(tmp_path: Path) -> None:
    hub = make_hub(tmp_path, clock=FakeClock(NOW))
    for name, value in (("host.pool_total_bytes", 1000.0), ("host.pool_free_bytes", 150.0)):
        key = SeriesKey(name, f"node:{hub.here}", (("pool", "tank"),))
        hub.series.add([(key, point(NOW - 600, value)), (key, point(NOW - 60, value))])
    await Trends().do(hub, NOW)
    (found,) = hub.board.findings()
    assert (str(found.subject), found.status) == (f"mount:{hub.here}/tank", Status.WARNING)
    assert found.facts["kind"] == "level"
    hub.requests.close()
    hub.series.close()


def test_every_room_is_a_declared_metric() -> None:
    assert {name for room in ROOMS for name in room[:3] if name} <= set(declared())


async def test_nothing_is_known_yet(tmp_path: Path) -> None:
    from keepwell.app.forecasts import list_forecasts
    from keepwell.cli.views.forecast import render

    report = await list_forecasts(Caller(state=tmp_path), "")
    assert (report.rooms, report.steps, report.exit_code) == ((), (), 0)
    assert "hours" in str(render(report))
