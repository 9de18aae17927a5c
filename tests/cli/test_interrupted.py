"""A Ctrl-C that was answered is answered, wherever in Python's own work it came."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: A command line in which the interrupt passes through the evaluation of text, as it may while a module loads.
PROGRAM = """
from keepwell import __main__ as entry

class App:
    def add_command(self, command):
        pass

    def main(self, **more):
        exec("raise KeyboardInterrupt")

entry.build = App
entry.main()
"""


def test_it_ends_with_the_code_and_not_by_the_signal(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        capture_output=True,
        check=False,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (130, b"")
