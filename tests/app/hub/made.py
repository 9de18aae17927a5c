"""A hub for tests: real stores in a folder, this machine's hands, and lines that are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.opening import open_requests, open_series
from keepwell.app.wiring import Wiring
from keepwell.config.model import Config
from keepwell.core.clock import Clock
from keepwell.transport.base import Hands
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport


@dataclass
class Lines:
    """What the owner was told."""

    told: list[str] = field(default_factory=list)

    def tell(self, line: str) -> None:
        """One more."""
        self.told.append(line)


def make_hub(
    state: Path,
    lines: Lines | None = None,
    config: Config | None = None,
    clock: Clock | None = None,
    hands: Hands | None = None,
) -> Hub:
    """A hub on this folder."""
    wiring = Wiring(
        config=config or Config(), hands=hands or LocalTransport(), clock=clock or SystemClock(), state=state
    )
    tell = (lines or Lines()).tell
    return Hub(wiring=wiring, requests=open_requests(state), series=open_series(state), tell=tell)
