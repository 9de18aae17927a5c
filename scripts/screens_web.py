"""Pictures of the web pages from a live run, by a real Chromium; see screens.py. Needs Chromium and playwright."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from screens_stage import FOUND_SECONDS, Stage
from tests.web.browser import DESK, FLAGS, PHONE

from keepwell.app.operation import Caller
from keepwell.app.web_address import find_pages

#: Pictures: file, path, window, dark.
PICTURES = (
    ("web-overview", "/", DESK, False),
    ("web-overview-dark", "/", DESK, True),
    ("web-overview-phone", "/", PHONE, False),
    ("web-models", "/models?disk=1", DESK, False),
    ("web-requests", "/requests", DESK, False),
)
#: Milliseconds for a long answer on a busy machine.
SLOW = 150_000


async def draw(stage: Stage, folder: Path) -> list[Path]:
    """The overview light, dark and on a phone, requests and one of them, models, a diagnosis, the playground."""
    program = shutil.which("chromium")
    if program is None:
        print("no pictures of the web pages: there is no Chromium; on Debian apt install chromium")
        return []
    for _ in range(3):
        stage.ask(stage.models[0])
    made: list[Path] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        await until_seen(browser, stage)
        for name, path, size, dark in PICTURES:
            page = await open_page(browser, stage, size, dark=dark)
            await page.goto(stage.hub + path)
            made.append(await keep(page, folder / f"{name}.png"))
        made += await draw_request(browser, stage, folder)
        made += await draw_diagnosis(browser, stage, folder)
        await stage.end()
        made += await draw_playground(browser, stage, folder)
        await browser.close()
    return made


async def draw_request(browser: Browser, stage: Stage, folder: Path) -> list[Path]:
    """A request that was answered, and where its time went."""
    page = await open_page(browser, stage, DESK)
    await page.goto(f"{stage.hub}/requests")
    row = page.locator("tbody tr").filter(has_text="200").first
    await row.wait_for(timeout=SLOW)
    await row.get_by_role("link").click()
    return [await keep(page, folder / "web-request.png")]


async def draw_diagnosis(browser: Browser, stage: Stage, folder: Path) -> list[Path]:
    """What is wrong with the engine that hangs, and the alert of it."""
    page = await open_page(browser, stage, DESK)
    await page.goto(f"{stage.hub}/diagnosis")
    await page.get_by_role("button", name="Look now").click()
    await page.get_by_role("heading", name="Rivals").wait_for(timeout=SLOW)
    made = [await keep(page, folder / "web-diagnosis.png")]
    await page.goto(f"{stage.hub}/alerts")
    return [*made, await keep(page, folder / "web-alerts.png")]


async def draw_playground(browser: Browser, stage: Stage, folder: Path) -> list[Path]:
    """An answer, asked for as the owner, with its figures."""
    page = await open_page(browser, stage, DESK)
    await page.goto(find_pages(Caller(state=stage.state)).sign_in)
    await page.get_by_role("button", name="Sign out").wait_for()
    await page.goto(f"{stage.hub}/playground?model={stage.models[0]}")
    await page.get_by_label("Your question").fill("Are you well?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await page.locator("#turns .figures").wait_for(timeout=SLOW)
    await page.evaluate("document.querySelector('#turns .figures').scrollIntoView({block: 'center'})")
    return [await keep(page, folder / "web-playground.png")]


async def open_page(browser: Browser, stage: Stage, size: tuple[int, int], *, dark: bool = False) -> Page:
    """A window that remembers nothing."""
    scheme = {True: "dark", False: "light"}[dark]
    window = {"width": size[0], "height": size[1]}
    context = await browser.new_context(viewport=window, color_scheme=scheme)
    return await context.new_page()


async def until_seen(browser: Browser, stage: Stage) -> None:
    """Until the engine that hangs is found and told of, and requests stream."""
    page = await open_page(browser, stage, DESK)
    await page.goto(stage.hub)
    end = time.monotonic() + FOUND_SECONDS
    while time.monotonic() < end:
        text = await page.locator("main").inner_text()
        if "Not well" in text and "answering" in text:
            return
        await asyncio.sleep(0.5)
    print("not everything that the pictures should show was there in time")


async def keep(page: Page, path: Path) -> Path:
    """What stands in the window now, a moment later."""
    await page.wait_for_timeout(1500)
    await page.screenshot(path=path)
    return path
