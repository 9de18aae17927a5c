"""`keepwell batch run --sample`: really asked, told, and nothing of the job begun."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from keepwell.app.batching.listing import list_batches
from keepwell.app.batching.report import BatchSampleReport, Expected
from keepwell.app.batching.running import run_batch
from keepwell.app.batching.wish import BatchWish
from keepwell.app.operation import Caller
from keepwell.cli.views.batch import render
from keepwell.testing.batch_stub import Plan
from tests.batch.parts import serving


async def test_some_lines_are_asked_and_the_whole_is_estimated(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n" + "".join(f"row {one}\n" for one in range(30)))
    (tmp_path / "keepwell.toml").write_text("")
    caller = Caller(state=tmp_path / "state", config=tmp_path / "keepwell.toml")
    wish = BatchWish(
        input=str(tmp_path / "in.csv"), out=str(tmp_path / "out.jsonl"), model="m", prompt="{text}", sample=5
    )
    plan = Plan()
    async with serving(plan) as (port,):
        report = await run_batch(caller, replace(wish, to=f"http://127.0.0.1:{port}"))
    assert isinstance(report, BatchSampleReport)
    assert (plan.asked, report.exit_code, report.total, report.answered) == (5, 0, 30, 5)
    assert [row.custom_id for row in report.rows] == ["row-4", "row-10", "row-16", "row-22", "row-28"]
    assert report.rows[0].answer == "<row 3>"
    assert isinstance(report.output_tokens, Expected)
    assert report.output_tokens.low <= report.output_tokens.middle <= report.output_tokens.high
    assert not (tmp_path / "out.jsonl").exists()
    assert list_batches(caller).batches == ()
    screen = StringIO()
    Console(width=100, file=screen).print(render(report))
    shown = screen.getvalue()
    assert "5 of 5 were answered" in shown
    assert "all 30 would take about" in shown
