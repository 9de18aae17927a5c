"""Declarations of everything that can be observed: one name, one meaning, one unit. Data only."""

from __future__ import annotations

from functools import lru_cache

from keepwell.core.metric import Fact, Metric
from keepwell.metrics import device, engine, host, log, path


@lru_cache(maxsize=1)
def declared() -> dict[str, Fact | Metric]:
    """Every declaration by name; raises ValueError if two share one."""
    found: dict[str, Fact | Metric] = {}
    for one in (*host.DECLARED, *device.DECLARED, *engine.DECLARED, *log.DECLARED, *path.DECLARED):
        if one.name in found:
            raise ValueError(f"{one.name} is declared twice")
        found[one.name] = one
    return found
