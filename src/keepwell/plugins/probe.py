"""The contract of a probe: a file in `probes/` that ends in `PROBE: Probe`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.core.observation import Observation
from keepwell.plugins.place import Place

#: What looking does to the world. A survey on a timer runs only "none".
ProbeEffect: TypeAlias = Literal["none", "loads-model", "wakes-device"]


@runtime_checkable
class Probe(Protocol):
    """The only thing that reads the world.

    `level` 1-4; `about` is "node" (run once a node) or "engine" (run once an engine); `gives` are the names
    of all observations it may make (each declared in `keepwell.metrics`); `needs` are names that must have
    been observed before; `cost_seconds` is what it usually takes. `observe` makes one observation for every
    name in `gives` that applies, with a Missing value and its reason when it could not see; it raises only
    on a bug.
    """

    level: int
    about: Literal["node", "engine"]
    effect: ProbeEffect
    cost_seconds: float
    gives: tuple[str, ...]
    needs: tuple[str, ...]

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Look once."""
        ...
