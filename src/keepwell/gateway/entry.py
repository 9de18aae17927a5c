"""What the head of a request means to the gateway: found out once for each head, and again when something changed."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.plugins.dialect import Dialect, Endpoint
from keepwell.store.keys import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The path's dialect and endpoint, and the key that was shown. What depends on the moment or on the body is no part
    of it. `surface_era` and `access_era` are those in which it was found out: in any other it is void.
    """

    surface_era: object
    access_era: object
    dialect: Dialect
    dialect_name: str
    endpoint: Endpoint
    path: str
    key: Key
