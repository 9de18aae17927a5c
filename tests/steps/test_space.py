"""Free space: told, never made."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Seen
from keepwell.plugins.wish import Drift, Looked
from keepwell.steps.space import STEP, parse_free
from keepwell.transport.local import LocalTransport

HEAD = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"
GIB = 1024**3


@pytest.mark.parametrize(
    ("line", "free"),
    [
        ("/dev/mapper/vg-models 976284648 965000000 11284648      99% /srv/my models\n", 11284648 * 1024),
        ("nas:/some share    1000 900 100  90% /srv/my models\n", 100 * 1024),
        ("overlay 1000 1100 -100 110% /srv/my models\n", 0),
        ("none 0 0 0 - /srv/my models\n", 0),
    ],
)
def test_what_df_says(line: str, free: int) -> None:
    assert parse_free(HEAD + line) == (free, "/srv/my models")


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_garbage_is_none_or_a_number(text: str) -> None:
    found = parse_free(text)
    assert found is None or found[0] >= 0
    assert parse_free(HEAD) is None


async def ask(path: Path, free: int) -> Drift | Missing:
    """With the real df."""
    hands = LocalTransport("here")
    wish = {"path": str(path), "free": free}
    try:
        return STEP.compare(wish, await look([partial(STEP.needs, wish)], hands))
    finally:
        await hands.close()


async def test_enough_is_enough(tmp_path: Path) -> None:
    drift = await ask(tmp_path, 1)
    assert isinstance(drift, Drift)
    assert drift.same
    assert "free on /" in drift.before


async def test_too_little_is_told_with_what_may_help_and_changes_nothing(tmp_path: Path) -> None:
    drift = await ask(tmp_path, 1024**5)
    assert isinstance(drift, Drift)
    assert not drift.changes
    assert "`keepwell models clean`" in drift.problem
    assert "too little on /" in drift.problem


async def test_a_folder_that_is_not_there_cannot_be_told(tmp_path: Path) -> None:
    told = await ask(tmp_path / "-none", GIB)
    assert isinstance(told, Missing)
    assert "No such file" in told.reason


def test_how_much_is_free_elsewhere_is_no_wish() -> None:
    wish = {"path": "/srv", "free": GIB}
    assert STEP.copy(wish, Looked(node="made")) == wish
    assert STEP.propose(Seen(), "made") == ()
