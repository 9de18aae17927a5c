"""The hub with its faces, as `keepwell up` starts it: numbers, pages and tools of all nodes behind one port."""

from __future__ import annotations

import importlib
import sys

from keepwell.app.hub.face import Face
from keepwell.app.hub.process import main

#: Each as `module:Class`; the class is made without arguments. The first that has a path answers it.
FACES: tuple[str, ...] = (
    "keepwell.api.face:Api",
    "keepwell.mcp.face:Mcp",
    "keepwell.web.face:Web",
)


def load_faces() -> tuple[Face, ...]:
    """All of them, new; one whose library is not there costs only itself."""
    made = []
    for name in FACES:
        module, _, kind = name.partition(":")
        try:
            made.append(getattr(importlib.import_module(module), kind)())
        except ImportError as error:
            print(f"hub: {module} is left out: {error}", file=sys.stderr, flush=True)
    return tuple(made)


if __name__ == "__main__":
    main(sys.argv[1:], load_faces())
