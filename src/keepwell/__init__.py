"""keepwell keeps self-hosted LLM servers well. `keepwell.checkpoint` is for your own scripts."""

import importlib
from typing import Any

__version__ = "0.1.0"
#: What is loaded when it is asked for, and from where; `__init__.pyi` tells its types. Named, not imported: every
#: module of keepwell imports this one.
_LAZY = {"checkpoint": "keepwell.jobs.checkpoint"}


def __getattr__(name: str) -> Any:
    """One of the names that are loaded late."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
