"""Run as a program: applies a run, and is killed with -9 at the n-th record of its journal.

python -m tests.app.applying.dying CONFIG STATE RUN N
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from keepwell.app.applying.carrying import apply_run
from keepwell.app.operation import Caller


def main(config: str, state: str, run_id: str, records: str) -> None:
    """Progress is told right after an item was journalled as begun; the other records are counted by their bytes."""
    path = Path(state) / "runs" / f"{run_id}.run"
    sizes = {path.stat().st_size}

    def watch() -> None:
        sizes.add(path.stat().st_size)
        if len(sizes) > int(records):
            os.kill(os.getpid(), signal.SIGKILL)

    async def go() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            watch()
            loop.call_soon(again)

        again()
        await apply_run(Caller(config=Path(config), state=Path(state), progress=lambda *_: watch()), run_id)

    asyncio.run(go())


if __name__ == "__main__":
    main(*sys.argv[1:])
