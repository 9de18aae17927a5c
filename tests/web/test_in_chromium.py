"""Each page in a real Chromium: live, on a phone, in the dark, by keyboard alone, quiet, without barriers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.core.ref import device
from keepwell.core.series import Batch, SeriesKey
from keepwell.testing.request_rows import make_mixed, values_of
from keepwell.web.table import load_table
from tests.app.overview.made import make_fleet
from tests.web.browser import PHONE, Chromium, find_barriers, is_wider_than_screen, walk_with_tab
from tests.web.site import Site, serving_hub

pytestmark = pytest.mark.long
#: Pages whose path has no part to be filled in, and those that need one.
PATHS = [one.path for one in load_table().pages if "{" not in one.path] + ["/sign-in", "/models?disk=1", "/requests/7"]


@asynccontextmanager
async def fleet(state: Path) -> AsyncIterator[Site]:
    """A hub that knows nodes, GPUs, engines and requests."""
    hub = make_fleet(state, time.time(), 3, 4)
    now = time.time()
    rows = [replace(one, at=now - number, id=number) for number, one in enumerate(make_mixed(200, 1))]
    hub.requests.add([values_of(one) for one in sorted(rows, key=lambda one: one.at)])
    async with serving_hub(hub) as site:
        yield site


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_quiet_and_without_barriers(chromium: Chromium, tmp_path: Path, path: str) -> None:
    async def look() -> None:
        async with fleet(tmp_path) as site:
            for dark in (False, True):
                async with chromium.tab(dark=dark, still=True) as tab:
                    await tab.page.goto(site.url + path)
                    await tab.page.wait_for_timeout(300)
                    ground = await tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
                    light = max(int(one) for one in ground[4:-1].split(",")[:3])
                    assert (light < 100) is dark
                    assert await find_barriers(tab.page) == []
                    assert tab.complaints == []
                    assert tab.outside(site.url) == []
            async with chromium.tab(size=PHONE) as tab:
                await tab.page.goto(site.url + path)
                await tab.page.wait_for_timeout(300)
                assert not await is_wider_than_screen(tab.page)
                await tab.page.get_by_role("link", name="Menu", exact=True).click()
                await tab.page.get_by_role("link", name="Settings").wait_for()
                assert await find_barriers(tab.page) == []
                assert tab.complaints == []

    chromium.run(look())


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_used_by_keyboard_alone(chromium: Chromium, tmp_path: Path, path: str) -> None:
    async def look() -> None:
        async with fleet(tmp_path) as site, chromium.tab(still=True) as tab:
            await tab.page.goto(site.url + path)
            await tab.page.evaluate("document.activeElement.blur()")
            places = await walk_with_tab(tab.page)
            assert places[0] == "a To the content"
            assert not [one for one in places if one.endswith("UNSEEN")]
            wanted = await tab.page.locator("main a[href], main button:enabled, main select, main textarea").count()
            if path != "/sign-in":
                assert len(places) >= wanted
            await tab.page.keyboard.press("Tab")
            await tab.page.keyboard.press("Enter")
            assert await tab.page.evaluate("location.hash") == "#main"

    chromium.run(look())


@pytest.mark.parametrize("path", PATHS)
def test_a_page_says_the_same_without_a_script(chromium: Chromium, tmp_path: Path, path: str) -> None:
    async def look() -> None:
        async with fleet(tmp_path) as site, chromium.tab(scripts=False) as tab:
            await tab.page.goto(site.url + path)
            assert await tab.page.get_by_role("heading", level=1).count() == 1
            assert len(await tab.page.locator("main").inner_text()) > 40
            assert tab.complaints == []

    chromium.run(look())


def test_what_changes_is_changed_and_nothing_else(chromium: Chromium, tmp_path: Path) -> None:
    async def look() -> None:
        async with fleet(tmp_path) as site, chromium.tab() as tab:
            page = tab.page
            await page.goto(site.url)
            await page.get_by_text("live", exact=True).wait_for()
            cell = page.locator('[data-key="u-device:node01/2"]')
            other = page.locator('[data-key="u-device:node01/1"]')
            await cell.evaluate("one => { one.mine = 1 }")
            await page.locator("summary").focus()
            await other.evaluate("one => getSelection().selectAllChildren(one)")
            put_busy(site, 2, 0.77)
            await page.get_by_role("cell", name="77 %").wait_for()
            assert await cell.evaluate("one => one.mine") == 1
            assert await page.evaluate("document.activeElement.localName") == "summary"
            assert await page.evaluate("String(getSelection()).includes('%')")
            assert tab.complaints == []

    chromium.run(look())


def test_a_lost_connection_is_told_and_comes_back(chromium: Chromium, tmp_path: Path) -> None:
    async def look() -> None:
        async with chromium.tab() as tab:
            async with fleet(tmp_path) as site:
                port = int(site.url.rpartition(":")[2])
                await tab.page.goto(site.url)
                await tab.page.get_by_text("live", exact=True).wait_for()
            await tab.page.get_by_text("connection lost, trying again").wait_for()
            hub = make_fleet(tmp_path / "again", time.time(), 3, 4)
            async with serving_hub(hub, port=port) as again:
                await tab.page.get_by_text("live", exact=True).wait_for()
                put_busy(again, 2, 0.66)
                await tab.page.get_by_role("cell", name="66 %").wait_for()

    chromium.run(look())


def test_a_trouble_is_said_aloud(chromium: Chromium, tmp_path: Path) -> None:
    async def look() -> None:
        async with fleet(tmp_path) as site, chromium.tab() as tab:
            await tab.page.goto(site.url)
            await tab.page.get_by_text("live", exact=True).wait_for()
            site.hub.board.pin("survey node00", [], time.time())
            told = tab.page.locator("#told")
            for _ in range(100):
                if await told.inner_text():
                    break
                await asyncio.sleep(0.1)
            assert "well" in await told.inner_text()

    chromium.run(look())


def test_colours_are_chosen_and_kept(chromium: Chromium, tmp_path: Path) -> None:
    async def look() -> None:
        async with fleet(tmp_path) as site, chromium.tab() as tab:
            await tab.page.goto(site.url)
            await tab.page.get_by_label("Colours").select_option("dark")
            await tab.page.get_by_role("button", name="Set").click()
            await tab.page.goto(f"{site.url}/models")
            assert await tab.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 27)"

    chromium.run(look())


def test_a_link_of_the_owner_signs_in_once(chromium: Chromium, tmp_path: Path) -> None:
    from keepwell.app.hub.sign_in_code import make_code

    async def look() -> None:
        async with fleet(tmp_path) as site:
            link = f"{site.url}/sign-in#{make_code(site.door.secret, time.time())}"
            async with chromium.tab() as tab:
                await tab.page.goto(link)
                await tab.page.get_by_role("button", name="Sign out").wait_for()
                assert tab.page.url == f"{site.url}/"
            async with chromium.tab() as tab:
                await tab.page.goto(link)
                await tab.page.get_by_role("alert").wait_for()

    chromium.run(look())


def put_busy(site: Site, gpu: int, ratio: float) -> None:
    """A number as a collector would tell it."""
    key = SeriesKey("device.utilisation_ratio", str(device("node01", gpu)))
    site.hub.table.put(Batch(node="node01", at=time.time() + 1, readings=((key, ratio),)))
