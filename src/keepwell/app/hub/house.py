"""What a face that answers by HTTP works with: who asks, the hub as it stands, and operations done for visitors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from keepwell.app.hub.bus import Bus
    from keepwell.app.hub.duty import Hub
    from keepwell.app.hub.gatehouse import Gatehouse
    from keepwell.app.hub.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who asks: the name of the key ("" for nobody in particular), whether changes are allowed, whether they may only
    be asked for (a person approves them), and how it is known: "local" (on this machine, where no key is asked for),
    "key", "session" (a browser that signed in) or "owner".
    """

    name: str = ""
    may_change: bool = False
    may_propose: bool = False
    known_by: str = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """`hub` gives the hub with its newest configuration; the other things stay the same."""

    hub: Callable[[], Hub]
    gatehouse: Gatehouse
    work: Work
    bus: Bus


class Face(Protocol):
    """A face that answers on the hub's port. It decides nothing by itself: what is done, operations do."""

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """Its paths; those of the faces before it come first."""
        ...

    def live(self) -> AbstractAsyncContextManager[None]:
        """What must run while it answers."""
        ...
