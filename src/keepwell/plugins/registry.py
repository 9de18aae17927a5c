"""Names and loads the plug-ins of a family: one file (or one package), one plug-in, its name is the file's name.

Names are listed without importing anything (16-30 ms to import a hundred files is too dear for `--help`);
a plug-in is imported when it is wanted. Each plug-in module ends in one typed public name, given here.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from pathlib import Path

from keepwell.core.errors import ConfigurationError

PACKAGE = Path(__file__).resolve().parent.parent
#: Family (a folder of the package) and the name that each of its modules ends in.
FAMILIES: dict[str, str] = {
    "engines": "ENGINE",
    "devices": "DEVICE",
    "probes": "PROBE",
    "checks": "CHECKS",
    "steps": "STEP",
    "services": "SERVICE",
    "pasted": "PASTED",
    "dialects": "DIALECT",
    "routing": "POLICY",
    "collectors": "COLLECTOR",
    "sinks": "SINK",
    "notify": "NOTIFIER",
}


@cache
def names(family: str) -> tuple[str, ...]:
    """Names of all plug-ins of a family, sorted, without importing them. Names that begin with "_" are none."""
    folder = PACKAGE / family
    found = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    return tuple(sorted(name for name in found if not name.startswith("_")))


def load(family: str, name: str) -> object:
    """The plug-in of this name; ConfigurationError with the known names if there is none."""
    if name not in names(family):
        near = difflib.get_close_matches(name, names(family), n=1)
        hint = f"known: {', '.join(names(family))}"
        if near:
            hint = f"did you mean {near[0]}?"
        raise ConfigurationError(f"no plug-in {name!r} among {family}", hint=hint)
    module = importlib.import_module(f"keepwell.{family}.{name}")
    return getattr(module, FAMILIES[family])


def load_all(family: str) -> dict[str, object]:
    """Every plug-in of a family by name."""
    return {name: load(family, name) for name in names(family)}
