"""What a client is told of a model that none of its route's engines could describe in the client's own format."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.station import Station
from keepwell.gateway.surface import Answer, Surface
from keepwell.gateway.work.entry import Entry


def show(surface: Surface, stations: Mapping[str, Station], entry: Entry, route: Route, wanted: str) -> Answer | None:
    """The gateway's own description; None where an engine of the route speaks the client's dialect and is asked, and
    where the route has none at all. Raises Refused.
    """
    spoken = [stations[one].replica.dialects for one in route.replicas if one in stations]
    if not spoken or any(entry.dialect_name in one for one in spoken):
        return None
    return surface.describe(entry.dialect, entry.endpoint, wanted, entry.key.routes)
