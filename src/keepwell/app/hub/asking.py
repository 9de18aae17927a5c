"""The duty that asks engines and exporters for their own numbers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence

from keepwell.app.expecting import expect_services
from keepwell.app.hub.duty import Hub
from keepwell.config import Config
from keepwell.plugins.place import Site
from keepwell.plugins.services import ServiceSite
from keepwell.store.engine_events import keep_events
from keepwell.telemetry.asking import Asker
from keepwell.transport.base import Transport

#: Seconds between two questions on a node that is reached in this way: over SSH each starts a program there.
LEAST_SECONDS: Mapping[str, float] = {"ssh": 5.0}


class Asking:
    """Every second it begins what is due and takes what came; how often an engine is asked is its plug-in's to say.

    Asked are the engines that surveys found on nodes that are reached now. Of a node that is not, exporters are asked
    that the owner declared (`[[service]]` with node, kind and URL), from here.
    """

    name = "engines"
    every_seconds = 1.0

    def __init__(self) -> None:
        self._asker = Asker()
        self._watched: dict[str, tuple[Sequence[Site], Transport, Sequence[ServiceSite]]] = {}
        self._config: Config | None = None
        self._exporters: dict[str, tuple[ServiceSite, ...]] = {}

    async def do(self, hub: Hub, now: float) -> None:
        """Never waits for an engine. Raises ConfigurationError where the key of a declared exporter cannot be read."""
        if self._config is not hub.wiring.config:
            self._exporters = _find_exporters(hub)
            self._config = hub.wiring.config
        self._watch(hub)
        for batch in self._asker.ask(now, time.monotonic()):
            hub.table.put(batch)
        for node, events in self._asker.take_events().items():
            await asyncio.to_thread(keep_events, hub.state, node, events, now)

    async def close(self) -> None:
        """End the questions that are under way."""
        await self._asker.close()

    def _watch(self, hub: Hub) -> None:
        """Tell the asker what has changed of whom there is to ask."""
        nodes = {hub.here, *self._exporters, *(site.ref.node for site in hub.sites.every())}
        for node in self._watched.keys() - nodes:
            self._asker.forget(node)
            del self._watched[node]
        for node in nodes:
            wanted = self._wanted(hub, node)
            known = self._watched.get(node)
            if known is None or any(one is not other for one, other in zip(known, wanted, strict=True)):
                self._watched[node] = wanted
                self._asker.watch(node, *wanted, self._least(hub, node))

    def _wanted(self, hub: Hub, node: str) -> tuple[Sequence[Site], Transport, Sequence[ServiceSite]]:
        """Engines where the node is reached; where it is not, its exporters, whose numbers collectors tell else."""
        way: Transport | None = hub.ways.find(node)
        if node == hub.here:
            way = hub.wiring.hands
        if way is None:
            return (), hub.wiring.hands, self._exporters.get(node, ())
        return hub.sites.of(node), way, ()

    def _least(self, hub: Hub, node: str) -> float:
        """Seconds between two questions by this node's way."""
        ways = {entry.name: entry.reach or "ssh" * bool(entry.address) for entry in hub.wiring.config.nodes}
        return LEAST_SECONDS.get(ways.get(node, ""), 0.0)


def _find_exporters(hub: Hub) -> dict[str, tuple[ServiceSite, ...]]:
    """Declared services by node. The asker passes over those of kinds without a page of numbers."""
    entries = hub.wiring.config.services
    return {
        node: tuple(
            ServiceSite(kind=one.kind, url=one.url.rstrip("/"), api_key=one.api_key)
            for one in expect_services(entries, node, hub.here, os.environ)
            if one.kind and one.url
        )
        for node in {entry.node or hub.here for entry in entries}
    }
