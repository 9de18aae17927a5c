"""The duty that tells those who listen how the fleet stands, once a second; nothing is drawn while nobody does."""

from __future__ import annotations

from keepwell.app.hub.duty import Hub


class Overviewing:
    """Tells the newest drawing as "overview"."""

    name = "overview"
    every_seconds = 1.0

    async def do(self, hub: Hub, now: float) -> None:
        """Draw and tell, if anybody listens."""
        if hub.bus.heard:
            hub.bus.tell("overview", await hub.overviews.document(hub, now), now)

    async def close(self) -> None:
        """Nothing is to be kept."""
