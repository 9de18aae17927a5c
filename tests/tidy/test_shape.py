"""scripts/shape.py sees each fault that it is there for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = "def f() -> None:\n    '''D.'''\n" + "    print()\n" * 60

FAULTS: tuple[tuple[str, str, str], ...] = (
    ("x.py", "'''D.'''\n" + "A = 1\n" * 500, "files over 500 lines"),
    ("x.py", f"'''D.'''\n{LONG}", "functions over 60 lines"),
    (
        "x.py",
        f"'''D.'''\ndef f({', '.join(f'a{n}: int' for n in range(9))}) -> None:\n    '''D.'''\n",
        "functions with over 8 parameters",
    ),
    ("helper.py", "'''D.'''\n", "modules and classes named for nothing"),
    ("x.py", "'''D.'''\nclass PathHelper:\n    '''D.'''\n", "modules and classes named for nothing"),
    ("x.py", "'''D.'''\nA = 'ollama'\n", "files that name an engine outside its room"),
    ("x.py", "'''D.'''\ndef f(a) -> None:\n    '''D.'''\n", "functions without full annotations"),
    ("x.py", "'''D.'''\ndef _f():\n    return 1\n", "functions without full annotations"),
    ("x.py", "A = 1\n", "public names without a docstring"),
    (
        "x.py",
        "'''D.'''\nclass A:\n    '''D.'''\n    def b(self) -> None:\n        print()\n",
        "public names without a docstring",
    ),
    ("x.py", "'''D.'''\nA: int = ''  # type: " + "ignore\n", "type: ignore in 1000 lines"),
    ("x.py", "'''D.'''\n" + "try:\n    print()\nexcept Exception:\n    print()\n" * 6, "broad except clauses"),
    ("x.py", "'''D.'''\nA = 1 if __name__ else 2\n", "conditional expressions and lambdas"),
    ("x.py", "'''D.'''\nA = lambda: 1\n", "conditional expressions and lambdas"),
    ("x.py", "'''D.'''\nfrom keepwell import y\n", "import cycles"),
)


def _measure(root: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "shape.py"), str(root)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if line.startswith("SHORT ")]
    short = [line.removeprefix("SHORT ").rpartition(": ")[0] for line in lines]
    return done.returncode, short


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "src" / "keepwell"
    package.mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (package / "__init__.py").write_text("'''D.'''\n")
    (package / "y.py").write_text("'''D.'''\nimport keepwell.x\n")
    (package / "x.py").write_text("'''D.'''\n")
    return tmp_path


def test_a_good_project_passes(project: Path) -> None:
    assert _measure(project) == (0, [])


@pytest.mark.parametrize(("name", "text", "measure"), FAULTS)
def test_each_fault_is_seen(project: Path, name: str, text: str, measure: str) -> None:
    (project / "src" / "keepwell" / name).write_text(text)
    code, short = _measure(project)
    assert code == 1
    assert measure in short


def test_mocking_is_seen(project: Path) -> None:
    (project / "tests" / "test_x.py").write_text("def test_x():\n    monkeypatch." + "setattr(a, 'b', 1)\n")
    assert _measure(project) == (1, ["mocking lines a test"])


def test_rooms_that_may_name_engines_may(project: Path) -> None:
    room = project / "src" / "keepwell" / "engines"
    room.mkdir()
    (room / "one.py").write_text("'''D.'''\nA = 'ollama' if __name__ else (lambda: 2)\n")
    assert _measure(project) == (0, [])
