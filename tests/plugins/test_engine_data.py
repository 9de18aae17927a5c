"""The data file of an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.core.errors import ConfigurationError
from keepwell.plugins.engine_data import load_engine_data

GOOD = """
title = "Made"
specificity = 10
ports = [7000]
programs = ["made"]
service_names = []
follow_ups = ['a\\.b']
[settings]
MADE_PORT = {kind = "port", default = "7000", aliases = ["-p"], help = "words"}
"--flag" = {kind = "boolean"}
"""


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "engine.toml"
    path.write_text(GOOD)
    found = load_engine_data(path)
    assert (found.title, found.ports, found.follow_ups) == ("Made", (7000,), (r"a\.b",))
    assert [(one.name, one.kind, one.aliases) for one in found.settings] == [
        ("MADE_PORT", "port", ("-p",)),
        ("--flag", "boolean", ()),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "title = ",
        GOOD.replace('"port"', '"prot"'),
        GOOD.replace("[7000]", '["7000"]'),
        GOOD.replace('title = "Made"', ""),
        GOOD.replace('aliases = ["-p"]', 'aliases = "-p"'),
    ],
)
def test_a_broken_file_says_where(broken: str, tmp_path: Path) -> None:
    path = tmp_path / "engine.toml"
    path.write_text(broken)
    with pytest.raises(ConfigurationError) as told:
        load_engine_data(path)
    assert told.value.where == str(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_engine_data(tmp_path / "none.toml")
