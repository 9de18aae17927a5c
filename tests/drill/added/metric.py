"""What the drill can observe."""

from __future__ import annotations

from keepwell.core.metric import Fact

DECLARED: tuple[Fact, ...] = (Fact(name="drill.weather", about="node", help="The weather over the node"),)
