"""docs/desired.md: its examples are read, and what it shows of a terminal is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.config import parse_config
from keepwell.plugins.registry import names
from keepwell.plugins.wish import find_keys, load_wishes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "desired.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
NODES = "".join(
    f'[[node]]\nname = "{name}"\naddress = "192.0.2.1"\ntags = ["gpu", "ollama"]\n' for name in ("gpu01", "gpu02")
)
#: What is another one every time: seconds, the ids of runs, and bytes of a copy.
VARIES = (
    (re.compile(r"\d\.\d\d s"), "0.00 s"),
    (re.compile(r"\d{8}T\d{6}-plan-[0-9a-f]{6}"), "RUN"),
    (re.compile(r"path, \d+ B"), "path, 0 B"),
    (re.compile(r" +$", re.M), ""),
)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_read(text: str) -> None:
    kinds = {"kind": set(names("engines"))}
    if "[[desired]]" not in text:
        text = f'[[desired]]\nname = "shown"\n{text}'
    config = parse_config((NODES + text).encode(), path=Path("x"), kinds=kinds, local_name="here", wishes=find_keys)
    assert config.desired


def test_every_table_is_told() -> None:
    shown = set(re.findall(r"\[\[desired\.(\w+)\]\]", TEXT))
    assert shown == set(load_wishes())


def test_what_is_shown_is_what_happens(tmp_path: Path) -> None:
    shown = TEXT.partition("```console\n")[2].partition("```")[0]
    place = tmp_path / "srv"
    place.mkdir()
    (place / "ollama.env").write_text("# of the package\nOLLAMA_HOST=0.0.0.0\nOLLAMA_KEEP_ALIVE=5m\n")
    (tmp_path / "keepwell.toml").write_text(EXAMPLES[0].replace("/srv/demo", str(place)))
    environment = {**os.environ, "KEEPWELL_STATE": str(tmp_path / "state")}
    told = ""
    for line in shown.splitlines():
        if line.startswith("$ keepwell "):
            argv = [sys.executable, "-m", "keepwell", *line.split()[2:]]
            done = subprocess.run(
                argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
            )
            assert done.stderr == ""
            told += f"{line}\n{done.stdout}"
    told = told.replace(str(place), "/srv/demo").replace(str(tmp_path / "state"), "STATE")
    told = re.sub(rf"\b{re.escape(os.uname().nodename)}\b", "gpu01", told)
    assert _even(told) == _even(shown)


def _even(text: str) -> str:
    for pattern, word in VARIES:
        text = pattern.sub(word, text)
    return text.strip()
