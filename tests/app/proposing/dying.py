"""Run as a program: approves a proposal, and is killed with -9 at the n-th record of the journal of its run.

python -m tests.app.proposing.dying CONFIG STATE PROPOSAL MARK RUN N
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.proposing.deciding import approve


def main(config: str, state: str, name: str, mark: str, run: str, records: str) -> None:
    """Progress is told right after an item was journalled as begun."""
    path = Path(state) / "runs" / f"{run}.run"
    sizes = {path.stat().st_size}

    def watch(*_: object) -> None:
        sizes.add(path.stat().st_size)
        if len(sizes) > int(records):
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(approve(Caller(config=Path(config), state=Path(state), progress=watch), name, mark))


if __name__ == "__main__":
    main(*sys.argv[1:])
