"""What an overview is drawn from: the hub, as far as it is looked at for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from keepwell.app.report import NodePicture
from keepwell.app.wiring import Wiring
from keepwell.core.finding import Finding
from keepwell.telemetry.table import Table


class Pinned(Protocol):
    """The board of findings."""

    def findings(self) -> Iterator[Finding]:
        """What is pinned now."""
        ...


class Scene(Protocol):
    """The hub has all of it."""

    @property
    def wiring(self) -> Wiring:
        """The newest configuration, and this machine's hands."""
        ...

    @property
    def table(self) -> Table:
        """The newest numbers."""
        ...

    @property
    def board(self) -> Pinned:
        """What was found."""
        ...

    @property
    def pictures(self) -> Mapping[str, NodePicture]:
        """Nodes as the newest look found them, by name."""
        ...

    @property
    def state(self) -> Path:
        """The state folder."""
        ...

    @property
    def here(self) -> str:
        """The name of the node that it runs on."""
        ...
