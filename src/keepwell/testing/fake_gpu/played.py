"""The stand-in driver in this very process: played, changed, and asked what was called. One library a process."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from keepwell.testing.fake_gpu.library import NAMES, build_libraries
from keepwell.testing.fake_gpu.machine import VARIABLE, FakeMachine, render_data


class PlayedDriver:
    """Loads the stand-in library, so that whoever loads NVIDIA's by its name gets it. It cannot be unloaded, and
    another set of functions needs another process.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self._data = folder / "gpu.data"
        self._library = ctypes.CDLL(str(build_libraries(cache) / NAMES[0]), mode=ctypes.RTLD_GLOBAL)
        self._library.fakeCalls.restype = ctypes.c_longlong

    def play(self, machine: FakeMachine) -> None:
        """From now on the driver is that of this machine."""
        self._data.write_text(render_data(machine), encoding="utf-8")
        os.environ[VARIABLE] = str(self._data)
        self._library.fakeReload()

    def calls(self, name: str) -> int:
        """How often since `forget`: "init", "shutdown", "handle", "ask" (anything of a card), "fields", or a key."""
        return int(self._library.fakeCalls(name.encode()))

    def forget(self) -> None:
        """Count from 0 again, and tell events again that were told."""
        self._library.fakeForget()
