"""For whom an assistant asks."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.app.hub.visitor import Visitor

#: Where the hub's door leaves it in the scope of a request.
ASKER = "keepwell.asker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """For whom an assistant asks. `may_propose`: changes may be asked for. `heavy`: what lets disks or networks work
    may be done. `name` is told to the person who decides.
    """

    visitor: Visitor
    may_propose: bool = False
    heavy: bool = False
    name: str = ""
