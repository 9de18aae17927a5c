"""Changes from the screen: shown first, asked, carried out, told; and none where nothing may be changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.pilot import Pilot

from keepwell.core.finding import Status
from keepwell.store.alert_desk import load_desk
from keepwell.store.alert_state import AlertFile, AlertState, Incident, save_alerts
from keepwell.tui.app import TopApp
from keepwell.tui.options import Options
from tests.support import eventually_async
from tests.tui.made import NOW, MadeSource, make_app, make_overview, text_of, until_drawn


def keep_incident(state: Path) -> None:
    """The one that the made overview tells of."""
    incident = Incident(
        id="i-7",
        root="r",
        check="engine.responding",
        subject="engine:node00/chat",
        message="Chat server does not answer",
        began_at=NOW - 700,
        due_at=NOW,
        worst=Status.CRITICAL,
        most=Status.CRITICAL,
    )
    save_alerts(state, AlertFile(state=AlertState(incidents={"i-7": incident})))


async def until_shown(pilot: Pilot[None], app: TopApp, words: str) -> None:
    """Wait until it stands on the screen."""

    async def is_shown() -> bool:
        await pilot.pause()
        return words in text_of(app)

    await eventually_async(is_shown)


async def test_an_alert_is_acknowledged_after_a_yes_and_not_before(tmp_path: Path) -> None:
    keep_incident(tmp_path)
    source = MadeSource(make_overview(tmp_path))
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("6", "a")
        await until_shown(pilot, app, "acknowledge it")
        await pilot.press("1")
        await until_shown(pilot, app, "y does it")
        assert "$ keepwell alerts ack i-7" in text_of(app)
        assert load_desk(tmp_path).acks == {}
        await pilot.press("escape", "a", "1")
        await until_shown(pilot, app, "y does it")
        assert load_desk(tmp_path).acks == {}
        await pilot.press("y")
        await until_shown(pilot, app, "done")
        assert "i-7: nobody is told again" in text_of(app)
        assert list(load_desk(tmp_path).acks) == ["i-7"]
        assert "(top)" in load_desk(tmp_path).acks["i-7"].by
        await pilot.press("q")
        await asyncio.sleep(0)


async def test_what_cannot_be_done_says_why_and_cannot_be_agreed_to(tmp_path: Path) -> None:
    source = MadeSource(make_overview(tmp_path))
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("6", "a", "1")
        await until_shown(pilot, app, "y does it")
        await pilot.press("y")
        await until_shown(pilot, app, "it failed")
        assert "no incident 'i-7' lasts" in text_of(app)


async def test_nothing_can_be_changed_where_nothing_may(tmp_path: Path) -> None:
    keep_incident(tmp_path)
    source = MadeSource(make_overview(tmp_path))
    app = make_app(source, tmp_path, Options(readonly=True))
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("6", "a")
        await until_shown(pilot, app, "--readonly")
        await pilot.press("1", "y")
        await pilot.pause()
        assert load_desk(tmp_path).acks == {}
        assert "$ keepwell" not in text_of(app)
