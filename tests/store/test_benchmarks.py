"""Results on disk: what goes in comes out, room is made from the oldest, damage is told and hides nothing."""

from __future__ import annotations

from array import array
from contextlib import suppress
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, DamagedError, NotThere, RefusedError
from keepwell.store import benchmarks
from keepwell.store.benchmarks import (
    FOLDER_NAME,
    KeptHead,
    KeptResult,
    list_benchmarks,
    load_benchmark,
    parse_benchmark,
    remove_benchmark,
    render_benchmark,
    save_benchmark,
)

numbers = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
columns = st.dictionaries(st.text(max_size=5).filter("itl".__ne__), st.lists(numbers, max_size=6), max_size=4)


def _make(name: str, at: float = 1.0, requests: int = 3, **more: float) -> KeptResult:
    head = KeptHead(id=name, created_at=at, seconds=2.0, about={"model": "m"}, figures=more)
    column = array("d", (float(one) for one in range(requests)))
    return KeptResult(head=head, columns={"sent": column, "first": column}, itl=array("d", [0.25]))


@settings(max_examples=50)
@given(columns, st.lists(numbers, max_size=5), texts, st.dictionaries(st.text(max_size=4), finite, max_size=3))
def test_what_goes_in_comes_out(
    found: dict[str, list[float]], gaps: list[float], about: dict[str, str], figures: dict[str, float]
) -> None:
    head = KeptHead(id="a", created_at=5.0, seconds=1.5, about=about, figures=figures, load={"shape": "x", "rate": 2.0})
    made = KeptResult(head=head, columns={name: array("d", one) for name, one in found.items()}, itl=array("d", gaps))
    back = parse_benchmark(render_benchmark(made))
    assert back.head == head
    assert {name: one.tobytes() for name, one in back.columns.items()} == {
        name: one.tobytes() for name, one in made.columns.items()
    }
    assert back.itl.tobytes() == made.itl.tobytes()


def test_what_is_not_known_is_left_out_of_the_head() -> None:
    made = _make("a", lag=nan, rate=inf, ttft=0.5)
    assert parse_benchmark(render_benchmark(made)).head.figures == {"ttft": 0.5}


def test_results_are_kept_listed_and_taken_away(tmp_path: Path) -> None:
    assert list_benchmarks(tmp_path) == benchmarks.KeptResults()
    for number, name in enumerate(("20260101T000000-bench-aa", "20260102T000000-bench-bb")):
        assert save_benchmark(tmp_path, _make(name, at=float(number))) == ()
    path = tmp_path / FOLDER_NAME / "20260101T000000-bench-aa.bench"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.id[-2:] for one in list_benchmarks(tmp_path).heads] == ["bb", "aa"]
    assert list(load_benchmark(tmp_path, "20260101T000000-bench-aa").columns["sent"]) == [0.0, 1.0, 2.0]
    assert remove_benchmark(tmp_path, "20260101T000000-bench-aa")
    assert not remove_benchmark(tmp_path, "20260101T000000-bench-aa")
    with pytest.raises(NotThere):
        load_benchmark(tmp_path, "20260101T000000-bench-aa")
    for name in ("../x", "", "a/b"):
        with pytest.raises(RefusedError):
            load_benchmark(tmp_path, name)


def test_the_oldest_make_room_but_never_what_a_baseline_names(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER_NAME
    for number in range(benchmarks.KEPT + 2):
        name = f"{number:05d}"
        if number < benchmarks.KEPT:
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.bench").write_bytes(b"")
    assert save_benchmark(tmp_path, _make("90000"), pinned=("00000",)) == ("00001",)
    assert save_benchmark(tmp_path, _make("90001"), pinned=("00000",)) == ("00002",)
    assert (folder / "00000.bench").exists()


def test_damage_is_told_and_hides_nothing(tmp_path: Path) -> None:
    save_benchmark(tmp_path, _make("good"))
    whole = render_benchmark(_make("bad", requests=500))
    for name, content in {
        "empty": b"",
        "bad": whole[: len(whole) // 2],
        "flipped": whole[:30] + b"#" + whole[31:],
        "renamed": whole,
        "deep": b"[" * 100_000,
        "noise": bytes(range(256)) * 10,
    }.items():
        (tmp_path / FOLDER_NAME / f"{name}.bench").write_bytes(content)
    found = list_benchmarks(tmp_path)
    # The one that is cut in its requests has a whole head: it is listed, and damage is told when it is read.
    assert {one.id for one in found.heads} == {"good", "bad"}
    assert len(found.problems) == 5
    assert all("is not used" in one for one in found.problems)
    for name in ("empty", "bad", "flipped", "noise", "renamed"):
        with pytest.raises(DamagedError):
            load_benchmark(tmp_path, name)


@settings(max_examples=80)
@given(st.data())
def test_no_bytes_make_it_fail_in_another_way(data: st.DataObject) -> None:
    whole = bytearray(render_benchmark(_make("a", requests=20)))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with suppress(ValueError, DamagedError):
        assert parse_benchmark(cut).head.id == "a"


def test_columns_that_claim_more_than_they_hold_are_not_unpacked() -> None:
    whole = render_benchmark(_make("a", requests=4))
    head, _, _ = whole.partition(b"\n")
    assert b'"counts":[4,4,1]' in head
    lying = head[18:].replace(b'"counts":[4,4,1]', b'"counts":[9,9,9]')
    with pytest.raises(ValueError, match="other lengths"):
        parse_benchmark(benchmarks.render_frame(lying) + whole[len(head) + 1 :])
    huge = head[18:].replace(b'"counts":[4,4,1]', b'"counts":[99999999999,4,1]')
    with pytest.raises(ValueError, match="more than"):
        parse_benchmark(benchmarks.render_frame(huge) + whole[len(head) + 1 :])


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / FOLDER_NAME).write_text("in the way")
    with pytest.raises(AccessError):
        save_benchmark(tmp_path, _make("a"))
