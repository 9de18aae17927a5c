"""What is written of an entry is read as the same entry."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.config.load import parse_config
from keepwell.config.model import Config, DecisionEntry, EngineEntry, NetworkEntry, NodeEntry, Secret, ServiceEntry
from keepwell.config.render import render_duration, render_entry, render_value
from keepwell.config.shapes import duration

KINDS = {"kind": {"made"}, "service": {"made"}}
_TEXT = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=("Cs",)), min_size=1
).filter(lambda text: bool(text.strip()))
_LABEL = _TEXT.filter(lambda text: "/" not in text)
_ENGINES = st.builds(
    EngineEntry,
    kind=st.just("made"),
    url=st.sampled_from(["http://127.0.0.1:11434", "https://[::1]:8000"]),
    name=_LABEL,
    start=st.lists(_TEXT, min_size=1, max_size=4).map(tuple),
    tags=st.lists(_TEXT, max_size=3).map(tuple),
    log=_TEXT.map(lambda text: f"/{text}"),
    api_key=st.sampled_from([None, Secret(env="KEY"), Secret(file="/a b")]),
)


def read(lines: list[str]) -> Config:
    return parse_config("\n".join(lines).encode(), path=Path("made.toml"), kinds=KINDS, local_name="here")


@given(_ENGINES)
@settings(max_examples=60, deadline=None)
def test_an_engine_comes_back(entry: EngineEntry) -> None:
    assert read(render_entry(entry)).engines == (entry,)


def test_every_kind_of_entry_comes_back() -> None:
    node = NodeEntry(name="gpu01", address="192.168.1.20", user="ops", sudo=True, port=2222, token=Secret(env="T"))
    network = NetworkEntry(node="gpu01", role="fast", interface="enp5s0", mbit_per_s=10000.0)
    service = ServiceEntry(name="chat", kind="made", url="http://a:1", needs=("x", "y"))
    decision = DecisionEntry(what='say "no"', why="back\\slash", until="2027-01-31", check="gpu.*")
    lines = [line for entry in (node, network, service, decision) for line in render_entry(entry)]
    made = read(lines)
    assert (made.nodes, made.networks, made.services, made.decisions) == ((node,), (network,), (service,), (decision,))


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_is_written_on_one_line_without_a_control_character(text: str) -> None:
    import tomllib

    line = f"a = {render_value(text)}"
    assert line.isprintable()
    assert tomllib.loads(line) == {"a": text}


@pytest.mark.parametrize(("seconds", "text"), [(3600.0, "1h"), (90.0, "90s"), (172800.0, "2d"), (1800.0, "30m")])
def test_durations(seconds: float, text: str) -> None:
    assert render_duration(seconds) == text
    assert duration(text) == seconds
