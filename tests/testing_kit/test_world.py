"""A machine of its own ends with all that is in it, also when whoever made it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.testing.waiting import eventually
from keepwell.testing.world import NoWorld, make_world

#: Makes a world, starts a process in it, says that it is there, and waits for the end.
HOLD = """
import signal, sys
from pathlib import Path
from keepwell.testing.world import make_world
root = Path(sys.argv[1])
with make_world(root, root) as world:
    world.start(["sleep", "4711"], log=root / "log")
    print("there", flush=True)
    signal.pause()
"""


@pytest.fixture
def possible(tmp_path: Path) -> None:
    """Skips where this machine makes no worlds."""
    try:
        with make_world(tmp_path, tmp_path):
            pass
    except NoWorld as error:
        pytest.skip(str(error))


def sleepers(root: Path) -> list[str]:
    """Processes that were started with this folder's path in their environment and still sleep."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            argv, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if argv.startswith(b"sleep\x004711") and str(root).encode() in environment:
            found.append(entry.name)
    return found


@pytest.mark.usefixtures("possible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_whoever_made_it(number: int, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == b"there\n"
        assert len(sleepers(tmp_path)) == 1
        os.kill(maker.pid, number)
    eventually(lambda: sleepers(tmp_path) == [], what="the end of what was started in the world")
