"""Measured speeds on disk: what goes in comes out, the oldest go first, damage is a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Value
from keepwell.store.speeds import (
    ALL_RUNS,
    FILE_NAME,
    RUNS,
    KeptSpeed,
    Speeds,
    add_speeds,
    load_speeds,
    parse_speeds,
    render_speeds,
    save_speeds,
)

scalars = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
rows = st.dictionaries(st.text(max_size=5), scalars | st.lists(scalars, max_size=3).map(tuple), max_size=4)


def _run(at: float, engine: str = "engine:n/x", model: str = "m", **speed: Value) -> KeptSpeed:
    return KeptSpeed(at=at, engine=engine, model=model, speed=speed)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 4e9), st.text(max_size=4), rows), max_size=4))
def test_what_goes_in_comes_out(entries: list[tuple[float, str, dict[str, Value]]]) -> None:
    speeds = Speeds(kept=tuple(KeptSpeed(at=at, engine="engine:n/x", model=m, speed=row) for at, m, row in entries))
    assert parse_speeds(render_speeds(speeds)) == speeds


def test_the_oldest_of_an_engine_and_model_go_first() -> None:
    speeds = add_speeds(Speeds(), [_run(at) for at in range(RUNS + 7)])
    speeds = add_speeds(speeds, [_run(0.5, model="other")])
    assert len([one for one in speeds.kept if one.model == "m"]) == RUNS
    assert min(one.at for one in speeds.kept if one.model == "m") == 7
    assert [one.at for one in speeds.kept] == sorted(one.at for one in speeds.kept)
    many = add_speeds(Speeds(), [_run(at, engine=f"engine:n/{at}") for at in range(ALL_RUNS + 3)])
    assert len(many.kept) == ALL_RUNS


def test_a_file_is_kept_and_read(tmp_path: Path) -> None:
    assert load_speeds(tmp_path).problem
    save_speeds(tmp_path, Speeds(kept=(_run(1.0, requests=({"kind": "generation", "seconds": 2.0},)),)))
    assert load_speeds(tmp_path).kept[0].speed == {"requests": ({"kind": "generation", "seconds": 2.0},)}
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"schema":"x","runs":[]}', b"[" * 100_000, b"\xff\xfe"])
def test_damage_is_a_reason(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    found = load_speeds(tmp_path)
    assert found.kept == ()
    assert "damaged" in found.problem
