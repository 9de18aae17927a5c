"""What collectors of files share: their shape, keys, and what a file that cannot be read means for its series."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from keepwell.core import ref
from keepwell.core.errors import AccessError
from keepwell.core.observation import failed
from keepwell.core.series import Reading, SeriesKey
from keepwell.plugins.collector import Looker


@dataclass(slots=True, kw_only=True)
class FileCollector:
    """A `Collector` that reads files alone; `begin` makes its looker for a node's name."""

    every_seconds: float
    gives: tuple[str, ...]
    begin: Callable[[str], Looker]
    here_only: bool = False

    def open(self, node: str) -> Looker:
        """Begin to look at this node."""
        return self.begin(node)


def node_key(node: str, metric: str, **labels: str) -> SeriesKey:
    """The key of a series about a node itself."""
    return SeriesKey(metric, str(ref.node(node)), tuple(sorted(labels.items())))


def without(keys: Iterable[SeriesKey], error: AccessError) -> list[Reading]:
    """These series have no number now, because of an error."""
    reason = failed(error)
    return [(key, reason) for key in keys]
