"""[[desired]]: groups of nodes, their tables as steps declare them, every mistake with its line."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.config import Config, InvalidConfig, parse_config, shapes, wish_shapes
from keepwell.config.desired_model import DesiredEntry, WishEntry
from keepwell.config.sections import Key

NODES = """\
[[node]]
name = "gpu01"
address = "192.168.1.20"
tags = ["ollama"]
"""
WHOLE = """\
[[desired]]
name = "hosts"
tags = ["ollama"]
nodes = ["here"]
baseline = "gpu01"
repository = "/srv/config.git"
revision = "main"
[[desired.environment]]
path = "/etc/default/ollama"
values = {OLLAMA_KEEP_ALIVE = "30m", OLLAMA_NUM_PARALLEL = 4}
[[desired.environment]]
path = "/etc/default/other"
[[desired.file]]
path = "/etc/motd"
source = "files/motd"
"""


def _wishes(tables: Collection[str]) -> Mapping[str, tuple[Key, ...]]:
    path = Key(name="path", shape=shapes.path, required=True, help="the file")
    return {
        "environment": (path, Key(name="values", shape=wish_shapes.values, help="names with values")),
        "file": (path, Key(name="source", shape=shapes.text, help="the file's bytes")),
    }


def _never(tables: Collection[str]) -> Mapping[str, tuple[Key, ...]]:
    raise AssertionError("asked without need")


def _parse(text: str) -> Config:
    return parse_config(text.encode(), path=Path("keepwell.toml"), kinds={}, local_name="here", wishes=_wishes)


def _problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidConfig) as caught:
        _parse(text)
    return [(one.line, one.key, str(one)) for one in caught.value.problems]


def test_everything_that_can_be_said() -> None:
    assert _parse(NODES + WHOLE).desired == (
        DesiredEntry(
            name="hosts",
            nodes=("here",),
            tags=("ollama",),
            baseline="gpu01",
            repository="/srv/config.git",
            revision="main",
            wishes=(
                WishEntry(
                    table="environment",
                    values={
                        "path": "/etc/default/ollama",
                        "values": {"OLLAMA_KEEP_ALIVE": "30m", "OLLAMA_NUM_PARALLEL": "4"},
                    },
                ),
                WishEntry(table="environment", values={"path": "/etc/default/other"}),
                WishEntry(table="file", values={"path": "/etc/motd", "source": "files/motd"}),
            ),
        ),
    )


def test_steps_are_not_loaded_for_a_file_without_wishes() -> None:
    parse_config(NODES.encode(), path=Path("keepwell.toml"), kinds={}, wishes=_never)
    with pytest.raises(AssertionError, match="without need"):
        parse_config((NODES + WHOLE).encode(), path=Path("x"), kinds={}, local_name="here", wishes=_never)


def test_all_mistakes_with_line_and_nearest_word() -> None:
    found = _problems(
        NODES
        + """\
[[desired]]
nodes = ["gpu1"]
tags = ["olama"]
baseline = "gpu02"
revision = "main"
[[desired.enviroment]]
path = "/x"
[[desired.environment]]
value = {A = "1"}
[[desired.file]]
path = "etc/motd"
source = "../motd"
[[desired]]
name = "nothing"
"""
    )
    assert [(line, key) for line, key, _ in found] == [
        (6, "desired[0].nodes"),
        (7, "desired[0].tags"),
        (8, "desired[0].baseline"),
        (9, "desired[0].revision"),
        (10, "desired[0].enviroment"),
        (12, "desired[0].environment[0].path"),
        (13, "desired[0].environment[0].value"),
        (15, "desired[0].file[0].path"),
        (16, "desired[0].file[0].source"),
        (17, "desired[1]"),
    ]
    said = {key: text for _, key, text in found}
    assert "did you mean 'gpu01'?" in said["desired[0].nodes"]
    assert "did you mean 'ollama'?" in said["desired[0].tags"]
    assert "did you mean 'gpu01'?" in said["desired[0].baseline"]
    assert "did you mean 'environment'?" in said["desired[0].enviroment"]
    assert "did you mean 'values'?" in said["desired[0].environment[0].value"]
    assert "without .." in said["desired[0].file[0].source"]
    assert "wishes nothing" in said["desired[1]"]


@pytest.mark.parametrize("text", ["desired = 7", "desired = [7]", '[[desired]]\nenvironment = "x"', "[desired]\na = 1"])
def test_what_is_no_table_is_told(text: str) -> None:
    assert _problems(text)


def test_two_groups_of_one_name_are_a_mistake() -> None:
    text = '[[desired]]\nname = "a"\nbaseline = "here"\n'
    ((line, key, said),) = _problems(text + text)
    assert (line, key) == (5, "desired[1].name")
    assert "declared already in line 1" in said


@pytest.mark.parametrize(
    "text", ["/srv/a", "https://git.lan/a.git", "ssh://git@git.lan:22/a", "git@git.lan:a.git", "git://git.lan/a"]
)
def test_repositories(text: str) -> None:
    assert wish_shapes.repository(text) == text


@pytest.mark.parametrize(
    "text",
    ["a", "--upload-pack=x", "ext::sh -c x", "https://u:secret@git.lan/a", "ssh://-oProxy@/a b", "file:///x", ""],
)
def test_what_is_no_repository(text: str) -> None:
    with pytest.raises(ValueError, match=r"a text|a folder") as caught:
        wish_shapes.repository(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["-x", "a..b", "a:b", "a@{1}", "a^", "", "a b", "a/"])
def test_what_is_no_revision(text: str) -> None:
    with pytest.raises(ValueError, match=r"a text|a branch"):
        wish_shapes.revision(text)


@settings(max_examples=60)
@given(st.text(max_size=30))
def test_a_source_never_leads_out(text: str) -> None:
    try:
        found = wish_shapes.source(text)
    except ValueError:
        return
    root = Path("/root/below")
    assert (root / found).is_relative_to(root)
    assert ".." not in Path(found).parts
