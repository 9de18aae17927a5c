"""Where the pages of a running hub are, with a link that signs its owner in."""

from __future__ import annotations

import time
from dataclasses import dataclass

from keepwell.app.hub.sign_in_code import SECONDS, make_code
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.core.errors import Unreachable
from keepwell.store.hub_door import find_hub_door


@dataclass(frozen=True, slots=True, kw_only=True)
class WebReport:
    """The answer of `web`: the pages' address, the link, and how many seconds it is good for."""

    url: str
    sign_in: str
    seconds: float

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.web/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def find_pages(caller: Caller) -> WebReport:
    """Those of the hub of this state folder. Raises Unreachable where none runs."""
    door = find_hub_door(find_state(caller))
    if door is None:
        raise Unreachable("no hub runs here, so there are no pages", hint="start it: keepwell up")
    code = make_code(door.secret, time.time())
    return WebReport(url=f"{door.url}/", sign_in=f"{door.url}/sign-in#{code}", seconds=SECONDS)
