"""What the devices of this node use while a batch runs, and the end of a run whose budget that was."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from keepwell.app.batching.wish import BatchWish
from keepwell.app.serving.power import look_at_power
from keepwell.app.wiring import Wiring
from keepwell.batch.energy import Energy, parse_energy, render_energy
from keepwell.batch.job import Target
from keepwell.batch.runner import Run
from keepwell.core.errors import ConfigurationError
from keepwell.core.observation import Missing, unknown

#: Seconds between two readings: each takes some tenths of a second of one core.
READ_SECONDS = 10.0
_ELSEWHERE = "the engine is not on this machine"


def read_budget(written: str) -> float:
    """Joules, 0 for no limit. Raises ConfigurationError."""
    if not written:
        return 0.0
    try:
        return parse_energy(written)
    except ValueError as error:
        raise ConfigurationError(str(error), where=f"--energy {written}") from error


class Using:
    """Reads the power of this node's devices; `energy` is what they used since it was begun."""

    def __init__(self, wiring: Wiring, wish: BatchWish, target: Target) -> None:
        """Raises ConfigurationError for a budget that is none."""
        self._wiring = wiring
        self._most = read_budget(wish.energy)
        self._here = not wish.on and is_here(target.url)
        self.energy = Energy(_ELSEWHERE * (not self._here))

    async def begin(self) -> None:
        """For a budget, the first reading. Raises ConfigurationError where there is nothing to count it by."""
        if not self._most:
            return
        found = await self._read()
        if isinstance(found, Missing):
            hint = "end it by --tokens or --until"
            raise ConfigurationError(f"--energy cannot be held: {found.reason}", hint=hint)

    @contextlib.asynccontextmanager
    async def watch(self, run: Run) -> AsyncIterator[None]:
        """Read on meanwhile, and end the run when its budget is used."""
        watching = asyncio.create_task(self._keep(run))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            if not isinstance(self.energy.joules, Missing):
                await self._read()

    async def _keep(self, run: Run) -> None:
        while True:
            used = await self._read()
            if isinstance(used, Missing):
                if self._most:
                    run.stop("budget", f"what is used is not known any more: {used.reason}")
                return
            if self._most and used >= self._most:
                run.stop("budget", f"{render_energy(used)} were used")
            await asyncio.sleep(READ_SECONDS)

    async def _read(self) -> float | Missing:
        """What was used until now."""
        if self._here:
            clock = self._wiring.clock
            found = await look_at_power(self._wiring, clock.now())
            watts: float | Missing = found.watts
            if found.why:
                watts = unknown(found.why)
            self.energy.add(clock.monotonic(), watts)
        return self.energy.joules


def is_here(url: str) -> bool:
    """True for an address of this machine's own loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
