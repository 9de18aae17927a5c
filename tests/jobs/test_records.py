"""What is kept of a job reads back as it was written, and damage is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import DamagedError
from keepwell.core.job import JobSpec, JobState, ProcessId
from keepwell.jobs.records import SPEC_FILE, STATE_FILE, load_spec, load_state, save_record

WORDS = st.text(max_size=20)
PROCESSES = st.none() | st.builds(ProcessId, st.integers(0), st.integers(0), WORDS)


@settings(max_examples=40)
@given(st.builds(JobSpec, argv=st.lists(WORDS, min_size=1, max_size=4).map(tuple), name=WORDS, folder=WORDS))
def test_a_spec_reads_back(tmp_path_factory: pytest.TempPathFactory, spec: JobSpec) -> None:
    folder = tmp_path_factory.mktemp("job")
    save_record(folder / SPEC_FILE, spec, durable=False)
    assert load_spec(folder) == spec


@settings(max_examples=40)
@given(st.builds(JobState, supervisor=PROCESSES, program=PROCESSES, left=st.lists(WORDS, max_size=3).map(tuple)))
def test_a_state_reads_back(tmp_path_factory: pytest.TempPathFactory, state: JobState) -> None:
    folder = tmp_path_factory.mktemp("job")
    save_record(folder / STATE_FILE, state, durable=False)
    assert load_state(folder) == state
    assert [one.name for one in folder.iterdir()] == [STATE_FILE]


def test_nothing_kept_yet(tmp_path: Path) -> None:
    assert load_state(tmp_path) == JobState(stage="waiting")
    with pytest.raises(FileNotFoundError):
        load_spec(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"stage": "running", "supervisor": 3}', b"\xff", b"null"]
)
def test_damage_is_said(tmp_path: Path, content: bytes) -> None:
    for name in (SPEC_FILE, STATE_FILE):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedError, match="no record of a job"):
        load_spec(tmp_path)
    with pytest.raises(DamagedError, match="no record of a job"):
        load_state(tmp_path)


def test_a_field_of_a_later_release_is_left_out(tmp_path: Path) -> None:
    save_record(tmp_path / STATE_FILE, JobState(stage="ended"))
    text = (tmp_path / STATE_FILE).read_text()
    (tmp_path / STATE_FILE).write_text(text.replace("{", '{"mood": 3, ', 1))
    assert load_state(tmp_path) == JobState(stage="ended")
