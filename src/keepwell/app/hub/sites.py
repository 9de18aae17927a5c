"""Engines of all nodes as the newest look found them: what collectors and duties ask for their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from keepwell.core.observation import Missing
from keepwell.plugins.place import Site


class Sites:
    """Those of each node, replaced as a whole by each look."""

    def __init__(self) -> None:
        self._sites: dict[str, tuple[Site, ...]] = {}

    def put(self, node: str, sites: Iterable[Site]) -> None:
        """What a look at a node found."""
        self._sites[node] = tuple(sites)

    def of(self, node: str) -> tuple[Site, ...]:
        """Engines of a node; () where nobody looked yet."""
        return self._sites.get(node, ())

    def every(self) -> Iterator[Site]:
        """Engines of all nodes."""
        for found in list(self._sites.values()):
            yield from found

    def watched(self, node: str) -> Mapping[int, str]:
        """Processes of a node that serve an engine: pid and the text of the engine's Ref."""
        return {one.process.pid: str(one.ref) for one in self.of(node) if not isinstance(one.process, Missing)}
