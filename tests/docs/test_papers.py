"""The papers tell the truth: names exist, commands exist, the map is short."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.app.table import operations
from keepwell.config import parse_config
from keepwell.plugins.registry import names

ROOT = Path(__file__).resolve().parents[2]
PAPERS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: Commands that are not operations: they serve.
SERVERS = {"mcp", "top"}


def code_words(path: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8"))


def find_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.name)
def test_every_module_that_a_paper_names_exists(path: Path) -> None:
    named = [word for word in code_words(path) if re.fullmatch(r"keepwell(\.\w+)+", word)]
    assert [word for word in named if word != "keepwell.toml" and not find_module(word)] == []


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.name)
def test_every_file_that_a_paper_names_exists(path: Path) -> None:
    named = [word for word in code_words(path) if re.match(r"(src|tests|docs|scripts|benchmarks)/", word)]
    concrete = [word for word in named if not re.search(r"[A-Z]{4,}|NNNN", word)]
    assert [word for word in concrete if not (ROOT / word).exists()] == []


def shown_commands(path: Path) -> list[list[str]]:
    """Every `keepwell ...` command line of a paper, in code words and indented blocks, without its prompt."""
    text = path.read_text(encoding="utf-8")
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines() if re.match(r"(    |\t)", line)]
    shown = [line for line in [*lines, *code_words(path)] if re.match(r"(\.venv/bin/)?keepwell( |$)", line)]
    return [shlex.split(line.split("  ")[0].split(" > ")[0].split(" | ")[0], comments=True) for line in shown]


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.name)
def test_every_command_and_flag_that_a_paper_shows_exists(path: Path) -> None:
    known = {one.name: one for one in operations("cli")}
    for words in shown_commands(path):
        if len(words) < 2 or words[1].startswith("-") or words[1] in SERVERS:
            continue
        name = words[1].rstrip(",")
        name = next((one for one in (" ".join((name, *words[2:3])),) if one in known), name)
        assert name in known, f"{path.name} shows {' '.join(words)}"
        own = words[2 : words.index("--")] if "--" in words else words[2:]  # behind it stands another program's command
        flags = {word.split("=")[0] for word in own if word.startswith("--")}
        offered = {f"--{one.name.strip('_').replace('_', '-')}" for one in known[name].parameters("cli")}
        offered |= {"--json", "--config", "--help"} | ({"--watch"} if known[name].watchable else set())
        offered |= {"--html"} if known[name].paged else set()
        assert flags <= offered, f"{path.name} shows {' '.join(words)}"


def test_the_architecture_is_told_within_a_thousand_words() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert len(re.sub(r"```.*?```", "", text, flags=re.S).split()) <= 1000


def test_every_operation_is_told_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [one.name for one in operations("cli") if f"keepwell {one.name}" not in readme] == []


def test_the_readme_begins_with_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make up" in readme
    assert (ROOT / "Makefile").read_text(encoding="utf-8").count("\nup:") == 1


def test_help_of_every_command_runs() -> None:
    for name in [one.name for one in operations("cli")] + sorted(SERVERS):
        done = subprocess.run(
            [sys.executable, "-m", "keepwell", *name.split(), "--help"], capture_output=True, check=False
        )
        assert done.returncode == 0, name
        assert b"Usage: keepwell" in done.stdout


def test_every_key_of_the_configuration_is_told_and_the_example_is_right() -> None:
    argv = [sys.executable, str(ROOT / "scripts" / "configuration_page.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    kinds = {"kind": set(names("engines")), "service": set(names("services")), "policy": set(names("routing"))}
    config = parse_config(example.encode(), path=Path("keepwell.toml"), kinds=kinds, local_name="here")
    assert [one.name for one in config.routes] == ["chat", "small"]


def test_every_cause_has_its_page_as_its_issue_file_says() -> None:
    argv = [sys.executable, str(ROOT / "scripts" / "cause_pages.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_formats_lose_is_as_their_codecs_say() -> None:
    argv = [sys.executable, str(ROOT / "scripts" / "dialects_page.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
