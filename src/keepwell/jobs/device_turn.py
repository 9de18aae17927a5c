"""A job's time on a device: asked for before each of its runs, renewed while it runs, given back after it.

What cannot be asked (a full disk, a damaged book) does not end a program that runs: it is told, and asked again.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from keepwell.core.errors import KeepwellError
from keepwell.core.job import JobSpec, ProcessId
from keepwell.jobs.telling import make_mark
from keepwell.turns.asking import RENEW_SECONDS, WAIT_SECONDS, Asker
from keepwell.turns.words import Place, Wish

#: The variable by which a program knows which device its job has.
DEVICE_VARIABLE = "KEEPWELL_DEVICE"
#: Whose time it is of a job that wants none.
FREE = Place(stage="held")
IN_LINE = Place(stage="waiting")


class DeviceTurn:
    """`folder` is the job's, in `jobs/` of the state folder."""

    def __init__(self, folder: Path, spec: JobSpec) -> None:
        self._asker: Asker | None = None
        self._asked_at = 0.0
        self._last = IN_LINE
        if spec.device:
            wish = Wish(id=make_mark(spec), holder=spec.name, device=spec.device, memory_bytes=spec.device_memory_bytes)
            self._asker = Asker(folder.parent.parent, wish)

    def look(self, process: ProcessId | None, *, at_once: bool = False, adopts: bool = False) -> Place:
        """Where it is: asked again where it is time for that, or `at_once`. `process` is what has it, and `adopts` says
        that it had it before.
        """
        if self._asker is None:
            return FREE
        pause = {True: RENEW_SECONDS, False: WAIT_SECONDS}[self._last.held]
        if at_once or time.monotonic() - self._asked_at >= pause:
            self._asked_at = time.monotonic()
            try:
                self._last = self._asker.ask(process=process, adopts=adopts)
            except KeepwellError as error:
                self._last = replace(self._last, why=str(error))
        return self._last

    def leave(self) -> None:
        """The run is over, or none begins: others have their turn."""
        if self._asker is not None and self._asked_at:
            self._asked_at, self._last = 0.0, IN_LINE
            try:
                self._asker.leave()
            except KeepwellError:
                return  # lost by time
