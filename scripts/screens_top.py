"""Pictures of `keepwell top` from a live run; see screens.py."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from screens_stage import FOUND_SECONDS, Stage
from textual.pilot import Pilot

from keepwell.app.operation import Caller
from keepwell.core.finding import Status
from keepwell.tui.app import TopApp
from keepwell.tui.options import Options
from keepwell.tui.picture import render_picture


async def draw(stage: Stage, folder: Path) -> list[Path]:
    """The whole screen large and small, an engine in detail, an alert with what may be done about it, keys."""
    for name in (stage.models * 3)[:3]:
        stage.ask(name)
    app = TopApp(Caller(state=stage.state, config=stage.folder / "keepwell.toml"), stage.state, Options())
    made: list[Path] = []
    async with app.run_test(size=(110, 30)) as pilot:
        await until(app, pilot, FOUND_SECONDS)
        await asyncio.sleep(3)
        made.append(await keep(app, pilot, folder / "top.svg"))
        await pilot.resize_terminal(80, 24)
        made.append(await keep(app, pilot, folder / "top-small.svg"))
        await pilot.resize_terminal(110, 30)
        for name, keys in (
            ("top-requests", ("4",)),
            ("top-detail", ("3", "enter")),
            ("top-alert", ("escape", "6", "enter")),
            ("top-action", ("escape", "a")),
            ("top-help", ("escape", "question_mark")),
        ):
            await pilot.press(*keys)
            made.append(await keep(app, pilot, folder / f"{name}.svg"))
    await stage.end()
    return made


async def until(app: TopApp, pilot: Pilot[None], seconds: float) -> None:
    """Until requests stream, and the engine that hangs is found and told of."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await pilot.pause(0.5)
        overview = app.overview
        if overview is None:
            continue
        streams = any(one.stage == "answering" for one in overview.requests)
        if streams and any(one.status is Status.CRITICAL for one in overview.alerts):
            return
    print("not everything that the pictures should show was there in time")


async def keep(app: TopApp, pilot: Pilot[None], path: Path) -> Path:
    """What stands on the screen now."""
    await pilot.pause(1.5)
    path.write_text(render_picture(app), encoding="utf-8")
    return path
