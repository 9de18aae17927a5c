"""Keys and panes of `keepwell top`: what a person presses, and what stands on the screen then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.tui.app import TopApp
from keepwell.tui.detail_screen import DetailScreen
from keepwell.tui.options import Options
from keepwell.tui.pane import Pane
from keepwell.tui.settings import load_settings
from tests.tui.made import MadeSource, make_app, make_overview, screen_lines, text_of, until_drawn


@pytest.fixture
def source(tmp_path: Path) -> MadeSource:
    """Three nodes with four GPUs each, and this machine."""
    return MadeSource(make_overview(tmp_path))


async def test_all_there_is_stands_on_a_large_screen(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_drawn(pilot, source)
        shown = text_of(app)
        for text in ("node00", "Card 24G", "llama3.2:3b", "50% !", "ada", "43/s", "b-summaries", "400/1000", "i-7"):
            assert (text in shown) == (text != "i-7"), text
        assert "Chat server does not answer" in shown
        assert "hub at 127.0.0.1:4001" in shown


async def test_a_small_screen_hides_panes_and_wraps_nothing(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_drawn(pilot, source)
        lines = screen_lines(app)
        assert len(lines) == 24
        assert all(len(line) == 80 for line in lines)
        assert "quit" in lines[-1]
        await pilot.resize_terminal(80, 18)
        await until_drawn(pilot, source)
        assert "b-summaries" not in text_of(app)
        assert "quit" in screen_lines(app)[-1]
        await pilot.resize_terminal(40, 8)
        await until_drawn(pilot, source)
        assert [len(line) for line in screen_lines(app)] == [40] * 8
        await pilot.resize_terminal(100, 40)
        await until_drawn(pilot, source)
        assert "b-summaries" in text_of(app)


async def test_tabs_are_turned_and_chosen(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("left_square_bracket")
        assert app.settings.tab == "alerts"
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert app.settings.tab == "fleet"
        await pilot.press("5")
        await pilot.pause()
        assert "b-summaries" in text_of(app)
        assert "Card 24G" not in text_of(app)
    assert load_settings(tmp_path).tab == "work"


async def test_rows_are_filtered_and_all_come_back(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("slash", *"node01")
        await pilot.pause()
        assert "node01" in text_of(app)
        assert "node02" not in text_of(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "filter: node01" in screen_lines(app)[-1]
        assert isinstance(app.focused, Pane)
        await pilot.press("escape")
        await pilot.pause()
        assert "node02" in text_of(app)
        await pilot.press("slash", *"nothing", "enter")
        await pilot.pause()
        assert "Nothing fits" in text_of(app)


async def test_rows_are_sorted_by_a_column_and_turned_round(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("2", "t")
        await pilot.pause()
        pane = app.query_one("#fleet", Pane)
        loads = [row.cells[3].text for row in pane.rows[:12]]
        await pilot.press("s", "s")
        found = [int(row.cells[3].text.rstrip("%")) for row in pane.rows[:-1]]
        assert found == sorted(found, reverse=True)
        assert sorted(loads) != loads
        await pilot.press("S")
        assert [int(row.cells[3].text.rstrip("%")) for row in pane.rows[1:]] == sorted(found)
    again = make_app(source, tmp_path)
    async with again.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        assert again.query_one("#fleet", Pane).order.column == 3
        assert not again.settings.tree


async def test_the_cursor_stays_on_its_row_when_others_come(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("2", "down", "j", "down")
        pane = app.query_one("#fleet", Pane)
        assert pane.chosen is not None
        key = pane.chosen.key
        source.overview = replace(source.overview, nodes=source.overview.nodes[::-1])
        await until_drawn(pilot, source)
        assert pane.chosen.key == key
        await pilot.press("end")
        assert pane.cursor == len(pane.rows) - 1
        source.overview = replace(source.overview, nodes=source.overview.nodes[:1])
        await until_drawn(pilot, source)
        assert pane.cursor < len(pane.rows)


async def test_a_row_is_opened_and_tells_why_a_number_is_not_there(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("2", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        await pilot.pause()
        shown = text_of(app)
        assert "absent: no such sensor" in shown
        assert "▁▄▇" in shown or "▁▅█" in shown
        assert "device.utilisation_ratio device:node00/0" in source.asked
        await pilot.press("escape", "6", "enter")
        await pilot.pause()
        assert "keepwell diagnose node00" in text_of(app)
        source.overview = replace(source.overview, alerts=())
        await until_drawn(pilot, source)
        assert "It is over, or gone" in text_of(app)
        await pilot.press("q")
        assert not isinstance(app.screen, DetailScreen)


async def test_a_pause_and_another_speed(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("space")
        await pilot.pause()
        assert "PAUSED" in screen_lines(app)[0]
        taken = source.taken
        await pilot.press("r")
        await until_drawn(pilot, source)
        assert source.taken > taken
        await pilot.press("space", "minus", "minus")
        await pilot.pause()
        assert app.feed.interval_seconds == 5.0
        assert "every 5s" in screen_lines(app)[0]
    assert load_settings(tmp_path).interval_seconds == 5.0


async def test_a_hub_that_goes_is_told_and_comes_back(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        source.broken = "the hub has \x1b[31mended"
        await until_drawn(pilot, source)
        assert "! the hub has \\x1b[31mended" in screen_lines(app)[-1]
        assert "old" in screen_lines(app)[0]
        assert "node00" in text_of(app)
        source.broken = ""
        await until_drawn(pilot, source)
        assert "quit" in screen_lines(app)[-1]


async def test_texts_from_outside_neither_format_nor_drive_the_terminal(source: MadeSource, tmp_path: Path) -> None:
    evil = replace(source.overview.requests[0], model="[red]a\x1b[2J[/red]", key="[bold]\x07")
    source.overview = replace(source.overview, requests=(evil,), notes=("[blink]note\x1b]0;x\x07",))
    app = make_app(source, tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_drawn(pilot, source)
        shown = text_of(app)
        assert "[red]a\\x1b[2J" in shown
        assert "\x1b" not in shown
        assert "[blink]note" in screen_lines(app)[-1]


async def test_an_empty_fleet_says_what_to_do(source: MadeSource, tmp_path: Path) -> None:
    source.overview = replace(source.overview, nodes=(), requests=(), work=(), alerts=())
    app = make_app(source, tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_drawn(pilot, source)
        for tab, words in (
            ("1", "keepwell init"),
            ("4", "No request runs"),
            ("5", "keepwell batch run"),
            ("6", "well"),
        ):
            await pilot.press(tab)
            await pilot.pause()
            assert words in text_of(app)


async def test_ascii_alone_is_ascii_alone(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path, Options(plain=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_drawn(pilot, source)
        for keys in (("1",), ("2", "down", "enter")):
            await pilot.press(*keys)
            await pilot.pause()
            assert text_of(app).isascii()


async def test_help_tells_every_key_and_goes_away(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await pilot.press("question_mark")
        await pilot.pause()
        for words in ("stand still", "tabs", "commands by name"):
            assert words in text_of(app)
        await pilot.press("q")
        await pilot.pause()
        assert app.is_running
        assert "node00" in text_of(app)


async def test_only_cells_that_changed_are_drawn(source: MadeSource, tmp_path: Path) -> None:
    app = make_app(source, tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_drawn(pilot, source)
        await until_drawn(pilot, source)
        pane = app.query_one("#fleet", Pane)
        drawn = Drawn(app)
        await until_drawn(pilot, source)
        assert drawn.take(pane) == 0
        node = source.overview.nodes[0]
        device = replace(node.devices[0], temperature_celsius=71.0)
        changed = replace(node, devices=(device, *node.devices[1:]))
        source.overview = replace(source.overview, nodes=(changed, *source.overview.nodes[1:]))
        await until_drawn(pilot, source)
        assert "71C" in text_of(app)


class Drawn:
    """How many places a pane wants drawn anew."""

    def __init__(self, app: TopApp) -> None:
        self.app = app

    def take(self, pane: Pane) -> int:
        """Since the last frame."""
        return len(pane._repaint_regions)
