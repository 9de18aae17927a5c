"""A fleet that does not change by itself, and a source that tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from textual.pilot import Pilot

from keepwell.app.operation import Caller
from keepwell.app.overview.drawing import draw_overview
from keepwell.app.overview.model import AlertRow, Overview, RequestRow, WorkRow
from keepwell.app.overview.sources import Source
from keepwell.core.errors import AccessError
from keepwell.core.finding import Status
from keepwell.core.observation import unknown
from keepwell.tui.app import TopApp
from keepwell.tui.options import Options
from tests.app.overview.made import make_fleet
from tests.support import eventually_async

NOW = 1_800_000_000.0


def make_overview(state: Path, nodes: int = 3, gpus: int = 4) -> Overview:
    """Nodes with GPUs and an engine each, requests of both kinds, work and alerts."""
    drawn = draw_overview(make_fleet(state, NOW, nodes, gpus), NOW)
    here = replace(drawn.nodes[-1], name="vm", ref="node:vm")
    made = [one for one in drawn.nodes if one.name.startswith("node")]
    return replace(
        drawn,
        here="vm",
        nodes=(*made, here),
        requests=(
            RequestRow(
                id="41",
                source="gateway",
                model="llama3.2:3b",
                key="ada",
                replica="node00/chat",
                stage="answering",
                seconds=12.0,
                queue_seconds=0.0,
                ttft_seconds=0.4,
                output_tokens=512.0,
                tokens_per_second=43.1,
            ),
            RequestRow(
                id="42",
                source="gateway",
                model="qwen3:8b",
                key="bob",
                replica="",
                stage="waiting",
                seconds=3.2,
                queue_seconds=3.2,
                ttft_seconds=unknown("not yet"),
                output_tokens=unknown("not yet"),
                tokens_per_second=unknown("not yet"),
            ),
        ),
        work=(
            WorkRow(
                kind="batch",
                name="b-summaries",
                state="running",
                done=400,
                total=1000,
                left_seconds=900.0,
                note="3 failed",
            ),
            WorkRow(kind="job", name="finetune", state="running", done=0, total=0, left_seconds=unknown("?"), note=""),
        ),
        alerts=(
            AlertRow(
                id="i-7",
                status=Status.CRITICAL,
                title="Chat server does not answer",
                subject="engine:node00/chat",
                since=NOW - 700,
                acknowledged=False,
                cause="Its process is stopped (98 %)",
                command="keepwell diagnose node00",
            ),
        ),
    )


@dataclass
class MadeSource:
    """Tells what it is given; `broken` is why it cannot."""

    overview: Overview
    broken: str = ""
    where: str = "hub at 127.0.0.1:4001"
    hub: bool = True
    taken: int = 0
    asked: list[str] = field(default_factory=list)

    async def take(self) -> Overview:
        """See `Source`."""
        self.taken += 1
        if self.broken:
            raise AccessError(self.broken)
        return self.overview

    async def recent(self, metric: str, about: str) -> Sequence[float]:
        """See `Source`."""
        self.asked.append(f"{metric} {about}")
        return [0.1, 0.5, 0.9]

    @asynccontextmanager
    async def open(self, caller: Caller) -> AsyncIterator[Source]:
        """As `open_source` does."""
        yield self


def make_app(source: MadeSource, state: Path, options: Options | None = None) -> TopApp:
    """The application over it; its clock stands still."""
    return TopApp(Caller(state=state), state, options or Options(), source=source.open, now=_now)


def _now() -> float:
    return NOW


async def until_drawn(pilot: Pilot[None], source: MadeSource) -> None:
    """Wait for the next picture that is on the screen."""
    taken = source.taken

    async def is_taken() -> bool:
        await pilot.pause()
        return source.taken > taken

    assert isinstance(pilot.app, TopApp)
    pilot.app.feed.wake()
    await eventually_async(is_taken)
    await asyncio.sleep(0)
    await pilot.pause()


def screen_lines(app: TopApp) -> list[str]:
    """What stands on the screen."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


def text_of(app: TopApp) -> str:
    """The same as one text."""
    return "\n".join(screen_lines(app))
