#!/usr/bin/env python3
"""Make the virtual environment: python3 scripts/setup.py [FOLDER] [--runtime]

Standard library only, so that a bare Python is enough. Installs exactly what the lock file names, each file
checked against its hash, then keepwell itself from this folder. `--runtime` leaves out what only tests need.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def main() -> int:
    """Set up, or say in one line what is missing and how to get it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", default=".venv")
    parser.add_argument("--runtime", action="store_true", help="without what only tests need")
    wished = parser.parse_args()
    if sys.version_info < OLDEST:
        return complain(
            f"keepwell needs Python {OLDEST[0]}.{OLDEST[1]} or newer, and this is {sys.version.split()[0]}",
            "name a newer one: make up PYTHON=python3.12",
        )
    try:
        import ensurepip  # noqa: F401  (only to see whether venv can work)
        import venv
    except ImportError:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        return complain("this Python cannot make virtual environments", f"on Debian or Ubuntu: apt install {package}")
    folder = ROOT / wished.folder
    if not has_pip(folder / "bin" / "python"):
        print(f"making the virtual environment in {folder}", flush=True)
        try:
            venv.create(folder, with_pip=True, symlinks=True, clear=(folder / "pyvenv.cfg").exists())
        except (OSError, subprocess.CalledProcessError) as error:
            return complain(
                f"the virtual environment cannot be made: {error}", f"is there room and a right to write in {ROOT}?"
            )
    lock = "requirements-dev.lock"
    if wished.runtime:
        lock = "requirements.lock"
    return install(folder / "bin" / "python", ROOT / lock)


def has_pip(python: Path) -> bool:
    """Whether there is a whole environment; one whose making was broken off has no pip."""
    try:
        return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(python: Path, lock: Path) -> int:
    """Install the lock file, then keepwell without asking for anything else."""
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    steps = (
        (f"installing {lock.name}, every file checked against its hash", [*pip, "--require-hashes", "-r", str(lock)]),
        ("installing keepwell", [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]),
        ("compiling", [str(python), "-m", "compileall", "-q", str(ROOT / "src"), str(python.parent.parent / "lib")]),
    )
    for what, argv in steps:
        print(what, flush=True)
        done = subprocess.run(argv, check=False)
        if done.returncode and what != "compiling":
            return complain(f"this failed: {' '.join(argv)}", "its own message stands above")
    return warm(python, lock)


def warm(python: Path, text: Path) -> int:
    """Compile the catalogue of causes once, so that the first diagnosis does not wait for it."""
    print("compiling the catalogue of causes", flush=True)
    argv = [str(python), "-m", "keepwell", "diagnose", "--evidence", str(text), "--json"]
    subprocess.run(argv, check=False, stdout=subprocess.DEVNULL)
    return 0


def complain(what: str, hint: str) -> int:
    """Say what is wrong and what to do."""
    print(f"error: {what}\n next: {hint}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
