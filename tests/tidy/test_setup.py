"""scripts/setup.py says in plain words what a machine lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import runpy, sys; sys.argv = ['setup.py', {folder!r}]; {lack}; runpy.run_path({script!r}, run_name='__main__')"
)


@pytest.mark.parametrize(
    ("lack", "said"),
    [
        ("sys.version_info = (3, 9, 1)", "make up PYTHON="),
        ("sys.modules['ensurepip'] = None", f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv"),
        ("sys.modules['venv'] = None", "-venv"),
    ],
)
def test_what_is_missing_and_how_to_get_it(lack: str, said: str, tmp_path: Path) -> None:
    program = START.format(folder=str(tmp_path / "venv"), lack=lack, script=str(ROOT / "scripts" / "setup.py"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "venv").exists()


def test_a_place_that_cannot_hold_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "setup.py"), str(tmp_path / "file" / "venv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be made" in done.stderr


def test_the_lock_holds_what_the_installation_needs() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        names = {line.partition("==")[0].lower() for line in lines if "==" in line and not line.startswith((" ", "#"))}
        assert {"hatchling", "editables", "httpx2", "msgspec", "click", "mcp"} <= names
        assert "--hash=sha256:" in "".join(lines)
