"""What the head of a request means to the gateway: found out once for each head, and again when something changed."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.reached import Reached
from keepwell.gateway.wire.body import JSON_BODY, Reading
from keepwell.plugins.dialect import Dialect, Endpoint
from keepwell.store.keys import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The path's dialect and endpoint, and the key that was shown. What depends on the moment or on the body is no part
    of it. `surface_era` and `access_era` are those in which it was found out: in any other it is void.

    `reading` is how the body is looked at. `route` is the route that the path or a header leads to, None where the body
    names a model; `session` what the head names as the client's session, `turn` whose device time it is asked in.
    `behind`: it lets everything else go first.
    """

    surface_era: object
    access_era: object
    dialect: Dialect
    dialect_name: str
    endpoint: Endpoint
    path: str
    key: Key
    reached: Reached
    reading: Reading = JSON_BODY
    route: Route | None = None
    session: bytes = b""
    behind: bool = False
    turn: str = ""
