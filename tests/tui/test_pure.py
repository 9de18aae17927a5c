"""Rows, columns, order, heights and figures: what must hold for any fleet, name and width."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from keepwell.app.arguments import take_arguments
from keepwell.core.observation import unknown
from keepwell.tui.actions import find_actions
from keepwell.tui.carrying import find_operation
from keepwell.tui.cells import Cell, Column, Row
from keepwell.tui.figures import Figures, length
from keepwell.tui.layout import Wish, share_height
from keepwell.tui.order import Order, arrange
from keepwell.tui.settings import INTERVALS, change_interval
from keepwell.tui.sparks import draw_spark
from keepwell.tui.styles import Look
from keepwell.tui.widths import GAP, fit, pad_text
from tests.tui.made import NOW, make_overview

COLUMNS = st.lists(
    st.builds(Column, title=st.just("c"), width=st.integers(1, 20), rank=st.integers(0, 5), grows=st.just(False)),
    min_size=1,
    max_size=9,
)
ROWS = st.lists(
    st.builds(
        Row,
        key=st.integers(0, 99).map(str),
        cells=st.tuples(st.builds(Cell, st.text("abc", max_size=4), order=st.tuples(st.integers(0, 9), st.just("")))),
        depth=st.integers(0, 1),
    ),
    max_size=12,
)


@given(COLUMNS, st.integers(0, 200))
def test_columns_that_matter_stay_and_nothing_is_wider_than_the_screen(columns: list[Column], width: int) -> None:
    columns[0] = replace(columns[0], rank=0, grows=True)
    widths = fit(columns, width)
    shown = [one for one in widths if one]
    used = sum(shown) + GAP * max(0, len(shown) - 1)
    least = [one for one in columns if not one.rank]
    if sum(one.width for one in least) + GAP * (len(least) - 1) <= width:
        assert used == width
    assert all(wide for wide, one in zip(widths, columns, strict=True) if not one.rank)


@given(st.text(max_size=40), st.integers(0, 30), st.booleans())
def test_a_text_takes_exactly_its_place(words: str, width: int, right: bool) -> None:
    clean = "".join(char for char in words if char.isprintable())
    assert cell_len(pad_text(clean, width, right=right)) == width or not width


@given(ROWS, st.integers(-1, 0), st.booleans())
def test_order_loses_no_row_and_keeps_groups(rows: list[Row], column: int, reverse: bool) -> None:
    found = arrange(rows, Order(column=column, reverse=reverse))
    assert sorted(one.key for one in found) == sorted(one.key for one in rows)
    if column < 0:
        assert list(found) == rows


@given(ROWS, st.text("abcd", min_size=1, max_size=2))
def test_a_filter_keeps_what_holds_it(rows: list[Row], needle: str) -> None:
    found = arrange(rows, Order(needle=needle))
    holding = {one.key for one in rows if needle.lower() in one.cells[0].text.lower()}
    assert holding <= {one.key for one in found}


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(2, 9)), max_size=6),
    st.integers(0, 80),
)
def test_heights_fit(wishes: list[tuple[int, int]], height: int) -> None:
    made = [Wish(name=str(place), lines=lines, least=least) for place, (lines, least) in enumerate(wishes)]
    given_lines = share_height(made, height)
    assert sum(given_lines.values()) <= height
    assert all(given_lines[one.name] <= one.lines for one in made)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_a_number_that_trembles_stays_and_one_that_moves_follows(values: list[float]) -> None:
    figures = Figures()
    for value in values:
        shown = figures.steady("a", "b", value, 0.02)
        assert abs(shown - value) <= 0.02 * 0.75 + 1e-9
    figures.forget(set())
    assert not figures.shown


def test_a_number_within_its_step_changes_nothing() -> None:
    figures = Figures()
    first = figures.steady("a", "b", 0.41, 0.02)
    assert {figures.steady("a", "b", first + tremble, 0.02) for tremble in (0.01, -0.01, 0.014)} == {first}
    assert figures.steady("a", "b", first + 0.016, 0.02) != first


@given(st.floats(0, 1e8))
def test_a_length_of_time_is_short(seconds: float) -> None:
    assert len(length(seconds)) <= 6


@given(st.lists(st.floats(0, 1e9), max_size=50), st.integers(1, 40), st.booleans())
def test_a_course_is_as_wide_as_it_may_be(values: list[float], width: int, plain: bool) -> None:
    assert len(draw_spark(values, width, plain=plain)) == min(width, len(values))


@given(st.text(max_size=20))
def test_plain_text_is_ascii(words: str) -> None:
    assert Look(plain=True).text(words).isascii()
    assert Look().text(words) == words


def test_speeds_go_up_and_down_and_stop_at_the_ends() -> None:
    assert change_interval(1.0, 1) == 2.0
    assert change_interval(INTERVALS[-1], 1) == INTERVALS[-1]
    assert change_interval(0.2, -1) == INTERVALS[0]


def test_what_may_be_done_are_operations_with_arguments_that_fit(tmp_path: Path) -> None:
    overview = make_overview(tmp_path)
    overview = replace(overview, work=(*overview.work, replace(overview.work[1], name="old", state="failed")))
    subjects = ["alert:i-7", "engine:node00/chat", "node:vm", "device:node01/0", "work:batch/b-summaries"]
    subjects += ["work:job/finetune", "work:job/old"]
    for subject in subjects:
        actions = find_actions(overview, subject)
        assert actions, subject
        for one in actions:
            operation = find_operation(one.operation)
            assert operation.effect == "change"
            if not one.plans:
                take_arguments(operation, "cli", one.arguments)
            assert one.command.startswith("keepwell ")
    assert find_actions(overview, "request:gateway/41") == ()
    assert find_actions(overview, "alert:gone") == ()
    assert length(NOW - NOW) == "0.0s"
    assert Figures().heat("a", unknown("no")).text == "–"
