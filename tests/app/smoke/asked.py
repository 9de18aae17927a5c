"""A smoke test of one engine whose address is known, without a look at the machine around."""

from __future__ import annotations

from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.smoke.running import SmokeTest, Wanted, judge_smoke
from keepwell.app.smoke.targets import Asked
from keepwell.app.wiring import Reached, Wiring
from keepwell.config.model import Config
from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from tests.engines.kit import site_of


def make_test(
    flavour: str, url: str, state: Path, wanted: Wanted, *, config: Config | None = None, gateway: bool = False
) -> SmokeTest:
    """A test of one engine, not begun."""
    hands, clock = LocalTransport("node"), SystemClock()
    place = Reached(transport=hands, clock=clock)
    return SmokeTest(
        wiring=Wiring(config=config or Config(), hands=hands, clock=clock, state=state),
        caller=Caller(state=state),
        wanted=wanted,
        asked=Asked(place=place, node="", sites=(site_of(flavour, url),), seen=Seen(), gateway=gateway),
    )


async def find(test: SmokeTest) -> dict[str, Finding]:
    """What came of it, by the name of the question; of several models the worst."""
    seen = Seen([await test.ask(test.asked.sites[0])])
    await test.wiring.hands.close()
    return {one.check.removeprefix("smoke."): one for one in reversed(judge_smoke(seen))}
