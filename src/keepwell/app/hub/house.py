"""What a face that answers by HTTP works with: who asks, the hub as it stands, and operations done for visitors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepwell.app.hub.bus import Bus
from keepwell.app.hub.duty import Hub
from keepwell.app.hub.gatehouse import Gatehouse
from keepwell.app.hub.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """`hub` gives the hub with its newest configuration; the other things stay the same."""

    hub: Callable[[], Hub]
    gatehouse: Gatehouse
    work: Work
    bus: Bus
