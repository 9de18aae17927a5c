"""What fits into the log is taken by it, and comes back; what does not is refused before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.store.requestlog.columns import COUNTS, KIND, PARTS, fits
from keepwell.store.requestlog.files import RequestFiles
from keepwell.store.requests import COLUMNS
from keepwell.testing.request_log_contract import Wall
from keepwell.testing.request_rows import make_values

NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([2**63, 2**63 - 1, -(2**63), 1e300])
ANY = st.none() | st.booleans() | NUMBERS | st.text(max_size=300) | st.lists(st.integers(), max_size=2)
CHANGES = st.dictionaries(st.integers(0, len(COLUMNS) - 1), ANY, max_size=4)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestFiles]:
    made = RequestFiles(tmp_path_factory.mktemp("log"), Wall())
    yield made
    made.close()


def test_each_field_has_its_column() -> None:
    assert sorted((*KIND, *COUNTS, *PARTS, "at")) == sorted(COLUMNS)


@settings(max_examples=300, deadline=None)
@given(changes=CHANGES, length=st.integers(0, len(COLUMNS) + 1))
def test_what_fits_is_taken_and_nothing_else(log: RequestFiles, changes: dict[int, object], length: int) -> None:
    row = list(make_values(1))
    for place, value in changes.items():
        row[place] = value
    values = (*row, 1)[:length]
    before = log.last_number()
    if fits(values):
        log.add([values])
        ((_, found),) = log.after(before, 9)
        assert isinstance(found.stream, bool)
    else:
        with pytest.raises(ValueError):
            log.add([values])
        assert log.last_number() == before


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.floats(-1.0, 1e5) | st.just(-1.0), min_size=len(PARTS), max_size=len(PARTS)))
def test_times_come_back_to_the_microsecond(log: RequestFiles, parts: list[float]) -> None:
    before = log.last_number()
    log.add([make_values(1, **dict(zip(PARTS, parts, strict=True)))])
    ((_, found),) = log.after(before, 9)
    for name, value in zip(PARTS, parts, strict=True):
        assert getattr(found, name) == pytest.approx(max(value, -1.0) if value >= 0 else -1.0, abs=0.51 / PARTS[name])


def test_a_row_that_is_none_of_the_first_release_is_refused(tmp_path: Path) -> None:
    assert not fits(make_values(1)[:25])
    assert fits(make_values(1)[:26])
