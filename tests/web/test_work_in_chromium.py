"""Pages of trouble and work in a real Chromium: what happens is seen as it happens, and nobody needs a mouse."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page

from keepwell.app.hub.duty import Hub
from keepwell.core.finding import Status
from keepwell.store.alert_state import AlertFile, AlertState, Incident, save_alerts
from keepwell.store.incidents import Incident as Kept
from keepwell.store.incidents import Note, add_incident
from keepwell.testing.request_rows import make_mixed, values_of
from tests.web.browser import PHONE, Chromium, Watched, find_barriers, is_wider_than_screen
from tests.web.site import Site, serving

pytestmark = pytest.mark.long


def make_trouble(name: str, message: str) -> Incident:
    now = time.time()
    worst = Status.CRITICAL
    return Incident(
        id=name,
        root="x",
        check="c",
        subject="node:a",
        message=message,
        began_at=now,
        due_at=now,
        worst=worst,
        most=worst,
    )


def tell(state: Path, *troubles: Incident) -> None:
    save_alerts(state, AlertFile(state=AlertState(incidents={one.id: one for one in troubles})))


async def sign_in(site: Site, tab: Watched) -> None:
    await tab.page.goto(f"{site.url}/sign-in")
    await tab.page.get_by_label("Key, or the code").fill(site.door.secret)
    await tab.page.keyboard.press("Enter")
    await tab.page.get_by_role("button", name="Sign out").wait_for()


async def look_at(site: Site, tab: Watched, page: Page) -> None:
    """Light and wide as it is, then on a phone."""
    assert await find_barriers(page) == []
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert not await is_wider_than_screen(page)
    assert await find_barriers(page) == []
    assert tab.complaints == []
    assert tab.outside(site.url) == []


def test_an_alert_comes_while_somebody_writes(chromium: Chromium, tmp_path: Path) -> None:
    async def look() -> None:
        tell(tmp_path, make_trouble("a1", "the first is down"))
        async with serving(tmp_path) as site, chromium.tab() as tab:
            await sign_in(site, tab)
            page = tab.page
            await page.goto(f"{site.url}/alerts")
            await page.get_by_text("live", exact=True).wait_for()
            await page.get_by_label("What you do about it").fill("half a sent")
            tell(tmp_path, make_trouble("a1", "the first is down"), make_trouble("a2", "the second is down, too"))
            await page.get_by_text("the second is down, too").wait_for()
            note = page.locator("#note-a1")
            assert await note.input_value() == "half a sent"
            await note.press("End")
            await note.press_sequentially("ence")
            await note.press("Enter")
            await page.wait_for_url(f"{site.url}/alerts")
            await look_at(site, tab, page)

    chromium.run(look())


@contextmanager
def job(state: Path, name: str) -> Iterator[None]:
    environment = {**os.environ, "KEEPWELL_STATE": str(state)}
    argv = [sys.executable, "-m", "keepwell", "jobs"]
    wait = "import signal; print('<b>begun</b>', flush=True); signal.pause()"
    run = [*argv, "run", "--name", name, "--", sys.executable, "-c", wait]
    subprocess.run(run, env=environment, check=True, capture_output=True, timeout=60)
    try:
        yield
    finally:
        subprocess.run([*argv, "stop", name], env=environment, check=False, capture_output=True, timeout=60)


def test_a_job_is_seen_when_it_begins_and_stopped_from_its_page(chromium: Chromium, tmp_path: Path) -> None:
    async def look() -> None:
        async with serving(tmp_path) as site, chromium.tab() as tab:
            await sign_in(site, tab)
            page = tab.page
            await page.goto(f"{site.url}/jobs")
            await page.get_by_text("No job was run yet.").wait_for()
            kept = job(tmp_path, "night")
            await asyncio.to_thread(kept.__enter__)
            try:
                await page.get_by_role("heading", name="night").wait_for()
                await page.get_by_role("link", name="Log").click()
                await page.get_by_text("<b>begun</b>").wait_for()
                await look_at(site, tab, page)
                await page.goto(f"{site.url}/jobs")
                await page.get_by_role("button", name="Stop it").press("Enter")
                await page.wait_for_url(f"{site.url}/jobs")
                await page.get_by_text("stopped", exact=True).wait_for()
                await look_at(site, tab, page)
            finally:
                await asyncio.to_thread(kept.__exit__, None, None, None)

    chromium.run(look())


def test_a_request_is_seen_when_it_ends(chromium: Chromium, tmp_path: Path) -> None:
    async def look() -> None:
        async with serving(tmp_path) as site, chromium.tab() as tab:
            page = tab.page
            await page.goto(f"{site.url}/requests")
            await page.get_by_text("live", exact=True).wait_for()
            row = replace(make_mixed(1, 1)[0], at=time.time(), id=987654)
            site.hub.requests.add([values_of(row)])
            await page.locator('a[href="/requests/987654"]').first.wait_for()
            assert tab.complaints == []

    chromium.run(look())


def test_a_diagnosis_is_asked_for_and_followed_by_keyboard(chromium: Chromium, tmp_path: Path) -> None:
    async def look() -> None:
        async with serving(tmp_path) as site, chromium.tab(dark=True) as tab:
            page = tab.page
            await page.goto(f"{site.url}/diagnosis")
            await page.get_by_label("Or paste log lines").focus()
            await page.keyboard.type("Error: listen tcp 127.0.0.1:11434: bind: address already in use")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Enter")
            await page.get_by_role("heading", name="Rivals").wait_for()
            await page.get_by_role("link", name="All about this cause").first.wait_for()
            await look_at(site, tab, page)
            await page.get_by_role("link", name="All about this cause").first.press("Enter")
            await page.get_by_role("heading", name="What settles it").wait_for()
            await look_at(site, tab, page)

    chromium.run(look())


def test_a_plan_is_carried_out_and_taken_back_by_keyboard(chromium: Chromium, tmp_path: Path) -> None:
    config, wished = tmp_path / "keepwell.toml", tmp_path / "models"
    config.write_text(f'[[desired]]\n[[desired.folder]]\npath = "{wished}"\nmode = "0750"\n')

    def change(hub: Hub) -> Hub:
        return replace(hub, config_path=config)

    async def look() -> None:
        async with serving(tmp_path / "state", change=change) as site, chromium.tab() as tab:
            await sign_in(site, tab)
            page = tab.page
            await page.goto(f"{site.url}/plans")
            await page.get_by_role("button", name="Make plans").press("Enter")
            await page.wait_for_url(f"{site.url}/plans", timeout=60_000)
            await page.locator("main a[href^='/plans/']").first.press("Enter")
            await page.get_by_role("button", name="Approve and carry out").press("Enter")
            await page.get_by_role("button", name="Take it back").press("Enter", timeout=60_000)
            await page.get_by_text("taken back", exact=True).first.wait_for(timeout=60_000)
            assert not wished.exists()
            await look_at(site, tab, page)

    chromium.run(look())


def test_an_incident_and_what_was_learned_are_read_without_barriers(chromium: Chromium, tmp_path: Path) -> None:
    one = Kept(id="i20260101-1a2b3c", what="slow", opened_at=1.0, source="look", notes=(Note(at=2.0, text="seen"),))
    add_incident(tmp_path, one, b"log lines")

    async def look() -> None:
        async with serving(tmp_path) as site, chromium.tab() as tab:
            await sign_in(site, tab)
            await tab.page.goto(f"{site.url}/incidents/{one.id}")
            await tab.page.get_by_text("seen").first.wait_for()
            await look_at(site, tab, tab.page)

    chromium.run(look())
