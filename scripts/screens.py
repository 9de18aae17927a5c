#!/usr/bin/env python3
"""Make the pictures of the docs from a live run: python scripts/screens.py [PART ...]

Starts a real llama.cpp server, one more that hangs, and a real Ollama where scripts/setup_engines.py set one up; runs
`keepwell up` over them with clients that ask, and lets each part (screens_PART.py beside this file) draw into
docs/pictures. Everything is ended and removed after. Needs the demo extra.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import tempfile
from pathlib import Path

from screens_stage import live

#: Where the pictures go, and who makes them: modules with `async def draw(stage, folder) -> list[Path]`.
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
PARTS = ("top", "web")


def main() -> int:
    """All parts, or those that were named."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="keepwell-screens-") as folder, live(Path(folder)) as stage:
        for name in sys.argv[1:] or PARTS:
            part = importlib.import_module(f"screens_{name}")
            for path in asyncio.run(part.draw(stage, FOLDER)):
                print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
