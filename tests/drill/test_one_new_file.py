"""The drill: one plug-in of each kind is added as one new file each, and no other file is edited."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "keepwell"
ADDED = Path(__file__).parent / "added"
#: What is added, and where.
PLACES = {
    "engine.py": "engines/drillserver.py",
    "device.py": "devices/drillcard.py",
    "metric.py": "metrics/drill.py",
    "probe.py": "probes/drill_weather.py",
    "check.py": "checks/drill.py",
    "step.py": "steps/drill.py",
    "service.py": "services/drillpanel.py",
    "pasted.py": "pasted/drilltext.py",
    "sink.py": "sinks/drilllines.py",
    "issue.toml": "issues/bad-weather.toml",
}


def test_one_new_file_of_each_kind_joins_the_whole_loop(tmp_path: Path) -> None:
    copy = tmp_path / "keepwell"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for source, place in PLACES.items():
        assert not (copy / place).exists()
        shutil.copy(ADDED / source, copy / place)
    done = subprocess.run(
        [sys.executable, str(ADDED / "play.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["engines"] == ["drillserver"]
    assert told["cause"] == told["told"] == "bad-weather"
    assert told["fix"] == [["cat", "/drill/weather"]]
    assert "drill.weather" in told["bad before"]
    assert "drill.weather" not in told["bad after"]
    assert told["pasted"] == [["drill.weather", "2"]]
    assert told["declared"]
    assert told["devices"]
    assert told["services"] == ["Drill panel 1.5"]
    assert told["sent"] == [1, "", "device.power_watts device:gpu01/0 71"]
    assert told["problems"] == []
    edited = [path for path in PACKAGE.rglob("*.py") if not filecmp.cmp(path, copy / path.relative_to(PACKAGE), False)]
    assert edited == []
