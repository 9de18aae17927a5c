"""scripts/fit.py prints what it would write, and writes only when asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from keepwell.diagnose.catalogue import SHIPPED
from keepwell.diagnose.scale import FITTED, Scale

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS = [
    {"id": "a", "evidence": "listen tcp 127.0.0.1:11434: bind: address already in use", "cause": "port-unavailable"},
    {"id": "b", "evidence": "write /models/blobs/x: no space left on device", "cause": "disk-full"},
    {"id": "c", "evidence": "the card is not found: driver/library version mismatch", "cause": "disk-full"},
]


def test_made_incidents_are_fitted_and_nothing_is_written(tmp_path: Path) -> None:
    before = FITTED.read_bytes()
    path = tmp_path / "incidents.jsonl"
    path.write_text("".join(json.dumps(one | {"thread": f"o/{one['id']}#1"}) + "\n" for one in ROWS))
    lot = ["--unseen", str(path), str(SHIPPED)]
    ran = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "fit.py"), str(path), *lot, *lot, "--date", "2026-01-31"],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert ran.returncode == 0, ran.stderr
    fitted = json.loads(ran.stdout[: ran.stdout.index("\n}") + 2])
    assert fitted["date"] == "2026-01-31"
    assert fitted["examples"] == 3 * len(ROWS)
    assert Scale(**fitted["scale"]).temperature > 0
    assert FITTED.read_bytes() == before
