"""A hub's alerts in a process of its own, with findings that go by a file: something to kill.

python -m tests.app.alerting.driven STATE CONFIG FINDINGS
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from keepwell.app.hub.alerting import Alerting
from keepwell.config import load_config
from keepwell.core.finding import Finding
from tests.alerts.steps import bad
from tests.app.hub.made import make_hub

#: Seconds between two decisions: as fast as a state can be put on disk again and again.
PACE_SECONDS = 0.02
#: How much faster than ours the time of the hub goes, and since when: the same for all processes of a test.
FASTER, BEGIN = 300.0, 1_767_225_600.0


def read_findings(path: Path) -> list[Finding]:
    """One critical finding for each line."""
    return [bad("engine.running", line) for line in path.read_text().split()]


class Hurried:
    """A clock that goes faster, so that no limit on messages in ten minutes counts here."""

    def now(self) -> float:
        """Seconds since the epoch, counted faster from a fixed moment on."""
        return BEGIN + (time.time() - BEGIN) * FASTER

    def monotonic(self) -> float:
        """As fast."""
        return time.monotonic() * FASTER


async def main(state: Path, config: Path, findings: Path) -> None:
    """Until it is killed."""
    hub = make_hub(state, config=load_config(config, known_engines=()), clock=Hurried())
    duty = Alerting()
    while True:
        now = hub.wiring.clock.now()
        hub.board.pin("driven", read_findings(findings), now)
        await duty.do(hub, now)
        await asyncio.sleep(PACE_SECONDS)


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:4])))
