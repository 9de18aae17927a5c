"""A real Chromium for tests of pages: one for all of them, in a thread with a loop of its own, beside the hubs."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from tests.engines.real import skip

Answer = TypeVar("Answer")
#: No sandbox: tests run as root. No name but this machine's is found, so a page that needs another place fails.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
    "--metrics-recording-only",
    "--disable-domain-reliability",
    "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
#: Seconds for one test's work in the browser.
PATIENCE = 110.0
#: Where the focus is: "" for nowhere, else the tag and name of what has it, and UNSEEN where nobody can see that.
WHERE = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "";
  const box = one.getBoundingClientRect();
  const seen = box.width > 0 && box.height > 0 && getComputedStyle(one).outlineStyle !== "none";
  const name = one.getAttribute("aria-label") || one.textContent || one.name || "";
  return `${one.localName} ${name.trim().slice(0, 40)}${seen ? "" : " UNSEEN"}`;
}"""
#: Widths and heights of a desk and of a phone.
DESK, PHONE = (1280, 800), (390, 844)


@dataclass
class Watched:
    """A tab, and what went wrong in it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def outside(self, url: str) -> list[str]:
        """Requests that were not for this place."""
        return [one for one in self.asked if not one.startswith((url, "data:", "blob:"))]


@dataclass
class Chromium:
    """The browser, and the loop that it and the hubs of its tests run in."""

    loop: asyncio.AbstractEventLoop
    browser: Browser

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Do this in that loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    @asynccontextmanager
    async def tab(
        self, *, size: tuple[int, int] = DESK, dark: bool = False, scripts: bool = True, still: bool = False
    ) -> AsyncIterator[Watched]:
        """A new window with nothing remembered."""
        context: BrowserContext = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
            java_script_enabled=scripts,
            has_touch=size == PHONE,
        )
        context.set_default_timeout(20_000)
        watched = Watched(await context.new_page())

        def complain(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                watched.complaints.append(f"{message.type}: {message.text}")

        def note(request: Request) -> None:
            watched.asked.append(request.url)

        watched.page.on("console", complain)
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("request", note)
        try:
            yield watched
        finally:
            await context.close()


@contextmanager
def chromium_running() -> Iterator[Chromium]:
    """The browser while the block lasts; skips where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        skip("no Chromium: on Debian apt install chromium")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="chromium", daemon=True)
    thread.start()
    playwright = asyncio.run_coroutine_threadsafe(async_playwright().start(), loop).result(PATIENCE)
    launching = playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
    browser = asyncio.run_coroutine_threadsafe(launching, loop).result(PATIENCE)
    try:
        yield Chromium(loop=loop, browser=browser)
    finally:
        asyncio.run_coroutine_threadsafe(browser.close(), loop).result(PATIENCE)
        asyncio.run_coroutine_threadsafe(playwright.stop(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def find_barriers(page: Page) -> list[str]:
    """What axe calls serious or critical on this page, a line each."""
    from axe_playwright_python.async_playwright import Axe

    results = await Axe().run(page)
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes'][:3]]}"
        for one in results.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


async def is_wider_than_screen(page: Page) -> bool:
    """True if the page as a whole must be moved sideways to be read."""
    return bool(await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


async def walk_with_tab(page: Page, most: int = 200) -> list[str]:
    """Where the Tab key leads, each as its tag and name, until it comes to the beginning again; each must be seen."""
    places: list[str] = []
    for _ in range(most):
        await page.keyboard.press("Tab")
        place = await page.evaluate(WHERE)
        if not place:
            return places
        places.append(place)
    return places
