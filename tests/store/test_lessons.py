"""Lessons: each incident's once, taken back for good, never lost by damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.store.lessons import (
    FILE_NAME,
    FOLDER,
    LESSONS,
    Lesson,
    Miss,
    change_lessons,
    drop_lesson,
    get_stamp,
    load_lessons,
    parse_lessons,
    put_lesson,
    render_lessons,
)
from keepwell.testing.clock import START

ONE = Lesson(id="i1", at=START, cause="disk-full", strength="said", hits=("0" * 12,))
KEYS = st.lists(st.text("0123456789abcdef", min_size=12, max_size=12), max_size=3).map(tuple)
MISSES = st.lists(st.builds(Miss, cause=st.just("b"), confidence=st.floats(0, 1), keys=KEYS), max_size=2).map(tuple)


@settings(max_examples=40, deadline=None)
@given(hits=KEYS, misses=MISSES, text=st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_lessons_come_back_as_they_were(hits: tuple[str, ...], misses: tuple[Miss, ...], text: str) -> None:
    lesson = replace(ONE, hits=hits, misses=misses, text=text, words=text)
    assert parse_lessons(render_lessons((lesson,))) == (lesson,)


def test_one_incident_teaches_once() -> None:
    better = replace(ONE, strength="confirmed")
    assert put_lesson((ONE,), better) == (better,)
    assert put_lesson(put_lesson((), ONE), ONE) == (ONE,)
    assert drop_lesson((ONE,), "i1") == ()


def test_what_the_owner_took_back_stays_so() -> None:
    gone = replace(ONE, undone_at=START + 1)
    assert put_lesson((gone,), ONE) == (gone,)
    assert drop_lesson((gone,), "i1") == (gone,)
    assert not gone.counts


def test_the_newest_are_kept(tmp_path: Path) -> None:
    many = tuple(replace(ONE, id=f"i{number}", at=START + number) for number in range(LESSONS + 5))
    kept = change_lessons(tmp_path, lambda known: many)
    assert len(kept) == LESSONS
    assert kept[0].id == f"i{LESSONS + 4}"
    assert load_lessons(tmp_path).lessons == kept


def test_a_damaged_file_is_named_not_used_and_never_lost(tmp_path: Path) -> None:
    change_lessons(tmp_path, lambda known: (ONE,))
    path = tmp_path / FOLDER / FILE_NAME
    path.write_bytes(b"{ not json")
    found = load_lessons(tmp_path)
    assert found.lessons == ()
    assert str(path) in found.problem
    assert path.read_bytes() == b"{ not json"
    change_lessons(tmp_path, lambda known: put_lesson(known, ONE))
    assert path.with_name(f"{FILE_NAME}.damaged").read_bytes() == b"{ not json"
    assert load_lessons(tmp_path).lessons == (ONE,)


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    assert load_lessons(tmp_path) == load_lessons(tmp_path / "nowhere")
    assert load_lessons(tmp_path).problem == ""
    assert get_stamp(tmp_path) == ()


def test_the_stamp_changes_with_the_file(tmp_path: Path) -> None:
    change_lessons(tmp_path, lambda known: (ONE,))
    first = get_stamp(tmp_path)
    change_lessons(tmp_path, lambda known: (replace(ONE, fixed_by="a restart"),))
    assert get_stamp(tmp_path) != first
