"""How it looks, against pictures that were looked at (written with KEEPWELL_LOOKS=write)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from keepwell.tui.options import Options
from keepwell.tui.picture import render_picture
from tests.tui.made import MadeSource, make_app, make_overview, until_drawn

FOLDER = Path(__file__).parent / "looks"
SIZES = {"small": (80, 24), "large": (120, 40)}
LOOKS: list[tuple[str, tuple[int, int], Sequence[str], Options]] = [
    ("small", (80, 24), (), Options()),
    ("large", (120, 40), (), Options()),
    ("light", (120, 40), (), Options(light=True)),
    ("plain", (80, 24), (), Options(plain=True)),
    ("tiny", (50, 12), (), Options()),
    ("fleet-flat-sorted", (100, 24), ("2", "t", "s", "s"), Options()),
    ("alerts", (80, 24), ("6",), Options()),
    ("detail", (100, 24), ("2", "down", "enter"), Options()),
    ("action", (100, 24), ("6", "a"), Options()),
    ("help", (80, 24), ("question_mark",), Options(readonly=True)),
]


@pytest.mark.parametrize(("name", "size", "keys", "options"), LOOKS, ids=[one[0] for one in LOOKS])
async def test_it_looks_as_it_was_found_good(
    tmp_path: Path, name: str, size: tuple[int, int], keys: Sequence[str], options: Options
) -> None:
    drawn = await draw(tmp_path, size, keys, options)
    path = FOLDER / f"{name}.svg"
    if os.environ.get("KEEPWELL_LOOKS") == "write":
        path.write_text(drawn, encoding="utf-8")
    assert drawn == path.read_text(encoding="utf-8"), f"look at both, then write {path}"
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "").replace("http://127.0.0.1", "")


async def test_without_colours_no_colour_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    drawn = await draw(tmp_path, SIZES["large"], (), Options())
    path = FOLDER / "no-colour.svg"
    if os.environ.get("KEEPWELL_LOOKS") == "write":
        path.write_text(drawn, encoding="utf-8")
    assert drawn == path.read_text(encoding="utf-8")


async def draw(state: Path, size: tuple[int, int], keys: Sequence[str], options: Options) -> str:
    """A picture after these keys."""
    source = MadeSource(make_overview(state))
    app = make_app(source, state, options)
    async with app.run_test(size=size) as pilot:
        await until_drawn(pilot, source)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await until_drawn(pilot, source)
        return render_picture(app)
