"""A real Alertmanager on loopback, where there is one: Debian's package, or its path in KEEPWELL_ALERTMANAGER."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keepwell.testing.waiting import eventually
from tests.engines.real import skip
from tests.support import free_port

NOBODY = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n"


@contextmanager
def real_alertmanager(folder: Path, settings: str = NOBODY) -> Iterator[int]:
    """Its port; skips the test where there is no such program."""
    program = _find_program()
    if not program:
        skip("no Alertmanager: Debian's package prometheus-alertmanager, or its path in KEEPWELL_ALERTMANAGER")
    path = folder / "alertmanager.yml"
    path.write_text(settings)
    port = free_port()
    child = subprocess.Popen(
        [
            program,
            f"--config.file={path}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _ready(port), 20.0, "the Alertmanager answers")
        yield port
    finally:
        child.terminate()
        child.wait(10)


def active(port: int) -> list[Any]:
    """The alerts that it has now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/alerts", timeout=5) as answer:
        found: list[Any] = json.load(answer)
        return found


def _find_program() -> str:
    found = os.environ.get("KEEPWELL_ALERTMANAGER", "")
    return found or shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or ""


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
