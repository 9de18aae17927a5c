"""The fleet on a screen: complete and readable at 80 columns and wide, without colour, and in plain ASCII."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from keepwell.app.report import StatusReport
from keepwell.cli.letters import write_harmlessly
from keepwell.cli.views.status import render
from keepwell.core.values import row_of
from tests.cli.fleets import LOST, make_node, make_report


def drawn(report: StatusReport, width: int) -> str:
    console = Console(width=width, highlight=False, no_color=True, file=io.StringIO())
    console.print(render(report))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def fleet(count: int) -> StatusReport:
    nodes = [make_node(f"gpu{at:02d}", gpus=at % 3, bad=at == 3, services=at % 5) for at in range(1, count + 1)]
    return make_report(*nodes, unreached=(LOST,))


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("count", [2, 30])
def test_every_node_is_told_in_one_row_and_no_line_is_too_long(width: int, count: int) -> None:
    text = drawn(fleet(count), width)
    assert max(len(line) for line in text.splitlines()) <= width
    rows = [line for line in text.splitlines() if line.startswith(("✓", "!", "✗", "?"))]
    assert len(rows) == count + 1
    assert len(text.splitlines()) <= 3 * count + 30


def test_what_is_wrong_is_told_in_signs_and_words() -> None:
    text = drawn(fleet(5), 120)
    assert "✗  gpu03" in text
    assert "✗ Ollama" in text
    assert "! Open WebUI" in text
    assert "does not answer  engine.responding" in text
    assert "✗ gpu03/open_webui → gpu03/ollama  OLLAMA_BASE_URL" in text


def test_a_node_that_was_not_reached_is_told_with_the_reason_and_the_next_step() -> None:
    text = drawn(fleet(2), 80)
    assert "?  gpu07" in text
    assert "gpu07 was not reached: No route to host" in text
    assert "next: ping 192.168.1.27" in text
    assert fleet(2).exit_code == 3


def test_a_name_that_is_far_too_long_or_unsafe_breaks_no_row() -> None:
    text = drawn(make_report(make_node("g" * 60), make_node("evil\u202ename")), 80)
    assert "\u202e" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_one_node_is_drawn_as_a_tree_with_its_services() -> None:
    text = drawn(make_report(make_node("gpu01")), 120)
    assert text.startswith("gpu01 · Debian")
    assert "✓ Open WebUI 1.2.3  http://127.0.0.1:3000  container open_webui  answers  → ollama" in text


def test_plain_ascii_says_the_same() -> None:
    raw = io.BytesIO()
    output = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    write_harmlessly(output)
    console = Console(width=100, highlight=False, no_color=True, file=output)
    console.print(render(fleet(3)))
    output.flush()
    text = raw.getvalue().decode("ascii")
    assert "x  gpu03" in text
    assert "gpu03/open_webui -> gpu03/ollama" in text
    assert "2 x RTX 4090" in text
    assert "\\u" not in text


def test_the_report_names_every_node() -> None:
    from keepwell.app.plain import document

    told = document(fleet(2))
    assert told["schema"] == "keepwell.status/1"
    assert [row_of(one)["ref"] for one in told["nodes"]] == ["node:gpu01", "node:gpu02"]
    assert told["node"]["ref"] == "node:gpu01"
    assert told["unreached"][0]["what"] == "No route to host"
