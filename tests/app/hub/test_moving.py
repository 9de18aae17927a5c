"""The hub moves requests into the log, tells how many, and says what is wrong with it."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from keepwell.app.hub.duties import DUTIES, make_duty
from keepwell.app.hub.moving import KEPT_SECONDS, TEND_SECONDS, WAL_ALARM_BYTES, Moving, find_trouble
from keepwell.core.errors import AccessError
from keepwell.core.series import SeriesKey
from keepwell.metrics import declared
from keepwell.store.request_log import Quantiles
from keepwell.store.requests import RECORD_FILE, add_rows, open_record, read_rows
from keepwell.testing.engine import FakeEngine
from keepwell.testing.request_rows import BEGIN, make_values
from tests.app.hub.made import make_hub
from tests.gateway.planes import running_plane


def put(state: Path, *ids: int) -> None:
    with closing(open_record(state / RECORD_FILE)) as connection:
        add_rows(connection, [make_values(one) for one in ids], {})


async def test_what_the_gateway_wrote_is_in_the_log_a_second_later(tmp_path: Path) -> None:
    hub, duty = make_hub(tmp_path), Moving()
    await duty.do(hub, BEGIN)
    put(tmp_path, 1, 2, 3)
    await duty.do(hub, BEGIN + 1)
    assert [row.id for _, row in hub.requests.after(0, 9)] == [1, 2, 3]
    put(tmp_path, 4)
    await duty.do(hub, BEGIN + 1 + TEND_SECONDS)
    (row,) = hub.requests.quantiles(Quantiles(measure="total", since=BEGIN, until=BEGIN + 60, by=()))
    assert row.count == 4
    track = hub.table.find(SeriesKey("hub.requests_logged_total", f"node:{hub.here}"))
    assert track is not None
    assert track.value == 4.0
    assert all(key.metric in declared() for key, _ in hub.table.tracks())
    await duty.close()
    assert not list((tmp_path / "requests").glob("*-wal")), "all is in the file itself"


async def test_a_log_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    hub, duty = make_hub(tmp_path), Moving()
    (tmp_path / "requests").write_text("in the way")
    put(tmp_path, 1)
    with pytest.raises(AccessError):
        await duty.do(hub, BEGIN)
    put(tmp_path, 2)
    (tmp_path / "requests").unlink()
    await duty.do(hub, BEGIN + 1)
    assert [row.id for _, row in hub.requests.after(0, 9)] == [1, 2]
    await duty.close()


async def test_old_months_go(tmp_path: Path) -> None:
    hub, duty = make_hub(tmp_path), Moving()
    (tmp_path / "requests").mkdir()
    put(tmp_path, 1)
    await duty.do(hub, BEGIN)
    (made,) = (tmp_path / "requests").glob("*.db")
    old = made.with_name("2020-01.db")
    old.touch()
    await duty.do(hub, made.stat().st_mtime + KEPT_SECONDS)
    assert (made.exists(), old.exists()) == (True, False)
    await duty.close()


async def test_requests_of_a_real_gateway_are_the_same_in_the_log(tmp_path: Path) -> None:
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        hub, duty = make_hub(tmp_path), Moving()
        for number in range(4):
            answered = await plane.ask()
            assert answered.status == 200, answered
            await plane.has_rows(number + 1)
            await duty.do(hub, time.time() + number)
        written = read_rows(plane.record, last=100)
        moved = hub.requests.after(0, 100)
        assert [number for number, _ in moved] == [number for number, _ in written]
        for (_, row), (_, own) in zip(moved, written, strict=True):
            assert asdict(row) == pytest.approx(asdict(own), abs=1e-6)
        (total,) = hub.requests.quantiles(Quantiles(measure="total", since=0.0, until=time.time() + 60, by=()))
        assert total.count == 4
        await duty.close()


def test_a_reader_that_does_not_let_go_is_told(tmp_path: Path) -> None:
    assert list(find_trouble("here", WAL_ALARM_BYTES)) == []
    (finding,) = find_trouble("here", WAL_ALARM_BYTES + 1)
    assert (finding.bad, finding.facts["kind"]) == (True, "wal")


def test_it_is_a_duty_of_the_hub() -> None:
    assert "moving:Moving" in DUTIES
    assert isinstance(make_duty("moving:Moving"), Moving)
