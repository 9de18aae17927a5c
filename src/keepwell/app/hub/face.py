"""What a face that answers on the hub's port must have."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from starlette.routing import BaseRoute


class Face(Protocol):
    """A face that answers on the hub's port. It decides nothing by itself: what is done, operations do."""

    def routes(self, house: Any) -> Sequence[BaseRoute]:
        """Its paths; those of the faces before it come first. `house` is a `keepwell.app.hub.house.House`."""
        ...

    def live(self) -> AbstractAsyncContextManager[None]:
        """What must run while it answers."""
        ...
