"""What must not stand in the repository: leftovers, places of one machine, and ways round the rules."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Texts that are neither ours nor written by hand.
FOREIGN = {"LICENSE", "requirements.lock", "requirements-dev.lock", "requirements-integrations.lock"}
HOSTS = re.compile(r"//[a-z0-9.-]*(pypi|pythonhosted|npmjs|crates\.io|golang)")
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SHELLS = re.compile(r"shell=True|os\.system\(|os\.popen\(|create_subprocess_shell|getoutput\(")
MOCKS = re.compile(r"\b(MagicMock|AsyncMock|mocker\.|unittest\.mock|monkeypatch\." + r"setattr)")


@cache
def _texts() -> dict[str, str]:
    """Every tracked text of the repository, and what would be tracked; all files where there is no git."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.splitlines()
    if listed.returncode:
        names = [
            str(p.relative_to(ROOT)) for room in ("src", "tests", "docs", "scripts") for p in (ROOT / room).rglob("*")
        ]
    found = {}
    for name in names:
        path = ROOT / name
        if path.is_file() and "__pycache__" not in name and name not in FOREIGN:
            try:
                found[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    return found


def _lines_with(pattern: re.Pattern[str], *rooms: str) -> list[str]:
    mine = Path(__file__).name
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in _texts().items()
        if name.startswith(rooms) and not name.endswith(mine)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_nothing_is_left_over() -> None:
    assert _lines_with(LEFTOVERS, "src", "tests", "scripts", "docs", "benchmarks", "README") == []


def test_no_place_of_one_machine() -> None:
    assert _lines_with(re.compile(re.escape(str(ROOT)) + r"\b"), "") == []
    assert _lines_with(HOSTS, "") == []


def test_no_shell_reads_a_command() -> None:
    assert _lines_with(SHELLS, "src", "scripts", "benchmarks") == []


def test_no_mocks() -> None:
    assert [line for line in _lines_with(MOCKS, "src", "tests") if "test_shape.py" not in line] == []


def test_tests_wait_by_looking() -> None:
    waits = _lines_with(re.compile(r"\btime\.sleep\("), "tests")
    assert [line for line in waits if "/test_" in line] == []


def test_no_check_of_types_is_switched_off() -> None:
    assert _lines_with(re.compile(r"type:\s*ignore"), "src") == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "LICENSE", "docs/architecture.md", "docs/json.md"])
def test_the_papers_are_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 100


def test_decisions_are_numbered_and_say_what_was_rejected() -> None:
    papers = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    for number, path in enumerate(papers, start=1):
        assert path.name.startswith(f"{number:04d}-")
        text = path.read_text(encoding="utf-8").lower()
        assert all(word in text for word in ("context", "decision", "consequences", "rejected")), path.name


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(one) for one in folders if not (one / "__init__.py").exists()] == []
