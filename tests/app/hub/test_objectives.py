"""The duty of objectives on real stores: requests in the log, a folder of backups, a card's utilisation."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.objectives import Objectives
from keepwell.app.objective_minutes import LOOK_SECONDS
from keepwell.app.objectives import ObjectivesReport, list_objectives
from keepwell.app.operation import Caller
from keepwell.cli.views.slo import render
from keepwell.config.model import Config
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.finding import Finding, Status
from keepwell.core.series import Batch, SeriesKey
from keepwell.store.requests import COLUMNS, RequestRow
from keepwell.testing.clock import FakeClock
from tests.app.hub.made import make_hub
from tests.slo.made import AVAILABLE, NOON, QUICK, failed, row

FRESH = ObjectiveEntry(name="backup", indicator="freshness", target=0.9, within_seconds=3600.0)
BUSY = ObjectiveEntry(name="busy", indicator="utilisation", target=0.9, low=0.1, high=0.8)


def hub_with(state: Path, *objectives: ObjectiveEntry) -> Hub:
    """A hub with these objectives."""
    return make_hub(state, config=Config(objectives=objectives), clock=FakeClock(NOON))


def put(hub: Hub, rows: list[RequestRow]) -> None:
    """Into the log, as the duty that moves them does."""
    hub.requests.add([tuple(getattr(one, name) for name in COLUMNS) for one in rows])


def pinned(hub: Hub) -> dict[str, Finding]:
    """What is on the board, by check."""
    return {one.check: one for one in hub.board.findings()}


async def test_requests_are_counted_once_and_pinned(tmp_path: Path) -> None:
    hub, duty = hub_with(tmp_path, AVAILABLE, QUICK), Objectives()
    put(hub, [row(NOON - 60.0 * number, id=number + 1) for number in range(200, 0, -1)])
    await duty.do(hub, NOON)
    assert {name: one.status for name, one in pinned(hub).items()} == {
        "slo.answered": Status.OK,
        "slo.quick": Status.OK,
    }
    put(hub, [failed(NOON + 60.0 * number, id=300 + number) for number in range(3)])
    await duty.do(hub, NOON + 180)
    found = pinned(hub)["slo.answered"]
    assert found.status is Status.CRITICAL
    assert found.facts["requests"] == "300 301 302"
    await duty.close()
    again = Objectives()
    await again.do(hub, NOON + 180)
    assert pinned(hub)["slo.answered"].message == found.message
    await again.close()
    hub.requests.close()


async def test_sloths_names_are_on_the_page(tmp_path: Path) -> None:
    hub, duty = hub_with(tmp_path, AVAILABLE), Objectives()
    put(hub, [row(NOON - 60.0 * number, id=number + 1) for number in range(30, 0, -1)] + [failed(NOON - 30, id=99)])
    await duty.do(hub, NOON)
    families = {one.name: one for make in hub.families for one in make(NOON)}
    labels, value = families["slo:sli_error:ratio_rate1h"].samples[0]
    assert labels == {
        "sloth_id": "keepwell-answered",
        "sloth_service": "keepwell",
        "sloth_slo": "answered",
        "sloth_window": "1h",
    }
    assert value == 1 / 31
    assert families["slo:objective:ratio"].samples[0][1] == 0.995
    assert families["slo:time_period:days"].samples[0][1] == 30.0
    assert "slo:sli_error:ratio_rate30d" in families
    assert families["sloth_slo_info"].samples[0][1] == 1.0
    assert len(hub.families) == 1
    await duty.do(hub, NOON + 15)
    assert len(hub.families) == 1
    await duty.close()
    hub.requests.close()


async def test_a_backup_is_fresh_until_it_is_too_old_and_is_not_looked_at_before(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    file = folder / "monday.tar"
    file.write_bytes(b"x")
    os.utime(file, (NOON, NOON))
    hub, duty = hub_with(tmp_path, replace(FRESH, path=str(folder))), Objectives()
    for minute in range(59):
        await duty.do(hub, NOON + 60.0 * minute)
        if minute == 1:
            file.unlink()  # nobody notices: a file that was young enough is not looked at again before it no longer is
    assert pinned(hub)["slo.backup"].status is Status.OK
    for minute in range(62, 110):
        await duty.do(hub, NOON + 60.0 * minute)
    found = pinned(hub)["slo.backup"]
    assert (found.status, found.facts["burn"]) == (Status.WARNING, "4.5")
    assert "found no file in" in found.message
    file.write_bytes(b"x")
    os.utime(file, (NOON + 110 * 60, NOON + 110 * 60))
    later = NOON + 110 * 60 + LOOK_SECONDS
    await duty.do(hub, later)
    await duty.do(hub, later + 60)
    assert duty._states[0].burns[0].tally.good == 2
    await duty.close()


async def test_a_card_is_busy_enough(tmp_path: Path) -> None:
    hub, duty = hub_with(tmp_path, BUSY), Objectives()
    for minute in range(40):
        at = NOON + 60.0 * minute
        for card, value in (("0", 0.5), ("1", 0.95)):
            key = SeriesKey("device.utilisation_ratio", f"device:gpu01/{card}")
            hub.table.put(Batch(node="gpu01", at=at, readings=((key, value),)))
        await duty.do(hub, at)
    found = pinned(hub)["slo.busy"]
    assert (found.status, str(found.subject)) == (Status.WARNING, f"node:{hub.here}")
    assert "39 of 78 minutes found device.utilisation_ratio not between 0.1 and 0.8" in found.message
    await duty.close()


async def test_without_objectives_nothing_is_opened(tmp_path: Path) -> None:
    hub, duty = hub_with(tmp_path), Objectives()
    await duty.do(hub, NOON)
    assert not (tmp_path / "objectives").exists()
    assert dict(hub.board.sources()) == {"objectives": NOON}
    await duty.close()


async def report(tmp_path: Path, text: str) -> ObjectivesReport:
    """The answer of `keepwell slo`."""
    config = tmp_path / "keepwell.toml"
    config.write_text(text)
    return await list_objectives(Caller(config=config, state=tmp_path / "state"), "")


async def test_the_command_says_how_they_stand(tmp_path: Path) -> None:
    import time

    hub, now = make_hub(tmp_path / "state"), time.time()
    put(hub, [row(now - 60.0 * number, id=number + 1) for number in range(100, 0, -1)])
    hub.requests.close()
    found = await report(tmp_path, '[[objective]]\nname = "answered"\nindicator = "availability"\ntarget = "50 %"\n')
    (line,) = found.objectives
    assert (line.events, line.bad, line.left, line.status) == (100, 0, 1.0, Status.OK)
    assert [one.window for one in line.windows] == ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]
    assert any("can never tell anything" in note for note in line.notes)
    assert found.exit_code == 0
    assert render(found)


async def test_the_command_says_how_to_declare_one(tmp_path: Path) -> None:
    assert "[[objective]]" in str(render(await report(tmp_path, "")))
