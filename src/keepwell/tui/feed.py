"""Takes pictures of the fleet again and again, for as long as somebody looks; a source that is lost is tried on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwell.app.operation import Caller
from keepwell.app.overview.model import Overview
from keepwell.app.overview.sources import Source, is_hub_there, open_source
from keepwell.core.errors import AccessError

#: How a source is opened.
Opener: TypeAlias = Callable[[Caller], AbstractAsyncContextManager[Source]]


@dataclass(slots=True)
class Feed:
    """`interval_seconds` and `paused` may be changed at any time, `wake` ends the pause between two pictures.

    `problem` is why there is no new one, "" while all is well; `tell` is called after each try.
    """

    caller: Caller
    interval_seconds: float
    tell: Callable[[], None]
    paused: bool = False
    overview: Overview | None = None
    problem: str = ""
    where: str = "looking"
    open: Opener = open_source
    _source: Source | None = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """One more picture at once."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. Raises ConfigurationError. A hub that is started later is asked from then on."""
        while True:
            async with self.open(self.caller) as source:
                self._source = source
                while source.hub or not is_hub_there(self.caller):
                    await self._take(source)
                    await self._pause()

    async def recent(self, metric: str, about: str) -> Sequence[float]:
        """The last minutes of a series; () where nobody tells."""
        if self._source is None:
            return ()
        try:
            return await self._source.recent(metric, about)
        except AccessError:
            return ()

    async def _take(self, source: Source) -> None:
        try:
            self.overview = await source.take()
            self.problem = ""
        except AccessError as error:
            self.problem = str(error)
        self.where = source.where
        self.tell()

    async def _pause(self) -> None:
        """Between two pictures; without end while nobody wants one."""
        seconds: float | None = self.interval_seconds
        if self.paused:
            seconds = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()
