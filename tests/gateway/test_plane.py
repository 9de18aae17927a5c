"""A plane goes by other settings from one request to the next."""

from __future__ import annotations

import datetime
from pathlib import Path

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.reservations import Reservation
from keepwell.gateway.plane import Plane
from keepwell.gateway.record.recorder import Recorder
from keepwell.gateway.settings import Settings
from keepwell.plugins.routing import Replica

REPLICA = Replica(id="box/a", node="box", host="127.0.0.1", port=1, dialects=frozenset({"ollama", "openai"}))
ROUTE = Route(name="m", replicas={"box/a": "m"}, policy=("session",), priority=2)


async def test_all_that_is_set_is_set_anew(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "record.db")
    try:
        plane = Plane(Settings(), recorder)
        now = datetime.datetime(2027, 1, 31, 12, 0).timestamp()
        held = Reservation(replicas=("box/a",), keys=("ada",), begin="11:00", end="13:00")
        plane.apply(
            Settings(
                replicas=(REPLICA,),
                routes=(ROUTE,),
                aliases={"x": "m"},
                patterns=(("gpt-*", "m"),),
                default="m",
                reservations=(held,),
                first_byte_seconds=7.0,
                connect_seconds=3.0,
                max_body_bytes=99,
            )
        )
        gate = plane.gate
        assert (gate.deadlines.first_byte_seconds, gate.deadlines.connect_seconds, gate.max_body_bytes) == (
            7.0,
            3.0,
            99,
        )
        assert [gate.surface.get_route(name).name for name in ("m", "x", "gpt-1", "any")] == ["m"] * 4
        assert gate.surface.sticky == {"m"}
        assert sorted(gate.scheduler.routes) == ["m", "node box", "node box/a"]
        assert sorted(gate.scheduler.stations) == ["box/a", "box/a admin"]
        plane.reserve(now)
        station = gate.scheduler.stations["box/a"]
        assert station.held is not None
        assert station.held.keys == {"ada"}
        assert 3590 < station.held.until - gate.now() <= 3600
        plane.reserve(now + 3601)
        assert station.held is None
        plane.apply(Settings())
        assert not gate.scheduler.stations
        assert gate.surface.names.find("m") is None
    finally:
        recorder.close()
