"""Memory: the newest sight of each engine, without its secrets, and no trouble from a bad file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError
from keepwell.store.memory import (
    AGE_SECONDS,
    ENGINES,
    FILE_NAME,
    MEMORY_BYTES,
    Memory,
    RememberedEngine,
    load_memory,
    parse_memory,
    remember,
    render_memory,
    save_memory,
)
from keepwell.testing.clock import START


def _engine(port: int = 8000, seen_at: float = START, user: str = "") -> RememberedEngine:
    return RememberedEngine(node="box", kind="vllm", url=f"http://127.0.0.1:{port}", seen_at=seen_at, user=user)


def test_the_newest_sight_counts() -> None:
    old, new = _engine(user="old"), _engine(seen_at=START + 1, user="new")
    for order in ((old, new), (new, old)):
        assert remember(Memory(), order, START).engines == (new,)
    again = remember(remember(Memory(problem="was empty"), [old], START), [new, _engine(9000)], START)
    assert again == Memory(engines=(new, _engine(9000)))


def test_what_is_old_or_too_much_is_forgotten() -> None:
    assert remember(Memory(), [_engine()], START + AGE_SECONDS).engines
    assert not remember(Memory(), [_engine()], START + AGE_SECONDS + 1).engines
    many = [_engine(port, seen_at=START + port) for port in range(ENGINES + 10)]
    kept = remember(Memory(), many, START + ENGINES).engines
    assert len(kept) == ENGINES
    assert kept[0].url.endswith(f":{ENGINES + 9}")


def test_secrets_are_masked() -> None:
    engine = replace(
        _engine(),
        start=("vllm", "serve", "m", "--api-key", "sk-1234567890abcdef", "--hf-token=secret99"),
        environment={"VLLM_API_KEY": "secret99", "OLLAMA_HOST": "0.0.0.0", "HTTP_PROXY": "http://ann:secret99@p:1"},
    )
    (kept,) = remember(Memory(), [engine], START).engines
    assert kept.start == ("vllm", "serve", "m", "--api-key", "***", "--hf-token=***")
    assert kept.environment == {"VLLM_API_KEY": "***", "OLLAMA_HOST": "0.0.0.0", "HTTP_PROXY": "http://***@p:1"}
    assert b"secret99" not in render_memory(Memory(engines=(kept,)))
    assert remember(Memory(), [kept], START).engines == (kept,)


def test_kept_on_disk_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert load_memory(folder) == Memory(problem="no engine was seen before")
    memory = Memory(engines=(replace(_engine(), start=("a", "b"), supervisor="systemd", unit="v.service"),))
    save_memory(folder, memory)
    assert load_memory(folder) == memory
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600
    save_memory(folder, Memory())
    assert load_memory(folder) == Memory()
    assert [one.name for one in folder.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"schema": "other", "engines": []}',
        b'{"schema": "keepwell-engines/1", "engines": [{}]}',
    ],
)
def test_a_damaged_file_is_an_empty_memory_with_a_reason(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    path.chmod(0o600)
    memory = load_memory(tmp_path)
    assert memory.engines == ()
    assert "damaged" in memory.problem
    assert str(path) in memory.problem


def test_a_file_that_is_no_memory(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"x" * (MEMORY_BYTES + 1))
    path.chmod(0o600)
    assert "more than" in load_memory(tmp_path).problem
    path.chmod(0o666)
    assert "changed by others" in load_memory(tmp_path).problem
    path.unlink()
    path.mkdir()
    assert "cannot be read" in load_memory(tmp_path).problem
    with pytest.raises(AccessError, match="KEEPWELL_STATE"):
        save_memory(tmp_path, Memory())


def test_names_that_are_no_text_can_be_kept(tmp_path: Path) -> None:
    odd = os.fsdecode(b"/models/\xff")
    memory = remember(Memory(), [replace(_engine(), models_folder=odd, start=("x", odd))], START)
    save_memory(tmp_path, memory)
    assert load_memory(tmp_path) == memory


words = st.text(max_size=10)
engines = st.builds(
    RememberedEngine,
    node=words,
    kind=words,
    url=words,
    seen_at=st.floats(START - 1000, START),
    start=st.lists(words, max_size=3).map(tuple),
    environment=st.dictionaries(words, words, max_size=3),
    cwd=words,
    user=words,
    log=words,
    models_folder=words,
    supervisor=st.sampled_from(["any", "systemd", "launchd", "container", "process"]),
    unit=words,
)


@given(st.lists(engines, max_size=5))
@settings(max_examples=60)
def test_round_trip_and_stable(made: list[RememberedEngine]) -> None:
    memory = remember(Memory(), made, START)
    assert parse_memory(render_memory(memory)) == memory
    assert remember(memory, (), START) == memory
    assert remember(memory, memory.engines, START) == memory
