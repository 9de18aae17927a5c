"""Declarations of everything that can be observed: one name, one meaning, one unit. Data only, a topic a file."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from keepwell.core.metric import Fact, Metric


@cache
def declared() -> dict[str, Fact | Metric]:
    """Every declaration by name; raises ValueError if two share one."""
    found: dict[str, Fact | Metric] = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        for one in importlib.import_module(f"keepwell.metrics.{path.stem}").DECLARED:
            if one.name in found:
                raise ValueError(f"{one.name} is declared twice")
            found[one.name] = one
    return found
