#!/usr/bin/env python3
"""Set up Ray and what keepwell needs beside it, for tests/long/test_batch_ray.py: python3 scripts/setup_ray.py [FOLDER]

An environment of its own in FOLDER (default .cache/ray) with what requirements-ray.lock says, checked by hashes: about
60 packages, 400 MB. What is there already is left as it is. Exit 0 also where it cannot be set up (the tests are then
skipped, and a line says why); with CI=true that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-ray.lock"
#: Seconds for pip to fetch everything.
FETCH_SECONDS = 1200


def main() -> int:
    """Set it up where it is not there, or where the lock has changed since."""
    folder = Path((sys.argv[1:] or [ROOT / ".cache" / "ray"])[0]).absolute()
    stamp = folder / "ready"
    if stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        print(f"ray: there already ({folder})")
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    argv = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"]
    try:
        subprocess.run([*argv, "-r", str(LOCK)], check=True, timeout=FETCH_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"skipped: tests on a Ray cluster, because its packages could not be fetched: {error}")
        return int(os.environ.get("CI") == "true")
    stamp.write_bytes(LOCK.read_bytes())
    print(f"ray: ready ({folder})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
