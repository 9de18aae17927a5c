"""The table of operations: every module of `operations/` names its own; nothing else lists them."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from keepwell.app.operation import Operation

_FOLDER = Path(__file__).parent / "operations"


@cache
def operations(face: str) -> tuple[Operation, ...]:
    """All operations that a face offers, in the order in which modules and tables name them."""
    names = sorted(path.stem for path in _FOLDER.glob("*.py") if not path.stem.startswith("_"))
    modules = [importlib.import_module(f"keepwell.app.operations.{name}") for name in names]
    return tuple(one for module in modules for one in module.OPERATIONS if face in one.faces)
