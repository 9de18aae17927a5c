"""Baselines are read as they were written; damage costs what was learned and is said; nobody else reads them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.store.baselines import (
    LOGS,
    Baselines,
    KeptBaseline,
    KeptShape,
    load_baselines,
    parse_baselines,
    render_baselines,
    save_baselines,
)

COUNTS = st.integers(0, 10**9)
SHAPES = st.lists(
    st.builds(KeptShape, text=st.text(max_size=20), count=COUNTS, seen=COUNTS, root=st.just(0)), max_size=5
)
KEPT = st.builds(
    KeptBaseline,
    shapes=SHAPES.map(tuple),
    lines=COUNTS,
    at=st.floats(0, 2e9),
    end=st.text("0123456789abcdef", max_size=32),
)
ALL = st.dictionaries(st.text(max_size=10), KEPT, max_size=4).map(lambda logs: Baselines(logs=logs))


@settings(max_examples=50)
@given(ALL)
def test_they_are_read_as_they_were_written(baselines: Baselines) -> None:
    assert parse_baselines(render_baselines(baselines)) == baselines


@settings(max_examples=80)
@given(st.binary(max_size=80) | st.text(alphabet='{}[]":,logsroot0', max_size=60).map(str.encode))
def test_garbage_is_a_reason_not_an_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_baselines(content)


@pytest.mark.parametrize("root", [-1, 1, 2])
def test_a_shape_that_belongs_to_none_is_damage(root: int) -> None:
    rows = (KeptShape(text="a", count=1, seen=1, root=root), KeptShape(text="b", count=1, seen=1, root=0))
    with pytest.raises(ValueError, match="belongs"):
        parse_baselines(render_baselines(Baselines(logs={"x": KeptBaseline(shapes=rows)})))


def test_they_are_private_and_named_so_that_no_label_leads_out(tmp_path: Path) -> None:
    save_baselines(tmp_path, "../box", Baselines(logs={"x": KeptBaseline(lines=3)}))
    (path,) = (tmp_path / "baselines").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_baselines(tmp_path, "../box").logs["x"].lines == 3
    path.write_bytes(b"{")
    assert "damaged" in load_baselines(tmp_path, "../box").problem
    assert load_baselines(tmp_path, "other").logs == {}


def test_of_too_many_the_last_learned_stay() -> None:
    made = Baselines(logs={f"log {n}": KeptBaseline(at=float(n)) for n in range(LOGS + 5)})
    assert min(one.at for one in parse_baselines(render_baselines(made)).logs.values()) == 5.0
