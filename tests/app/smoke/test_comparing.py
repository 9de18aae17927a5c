"""Two tests beside each other: what became better, worse, new, gone or another answer."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from keepwell.app.operation import Caller
from keepwell.app.plain import document
from keepwell.app.smoke.comparing import compare, compare_smokes, judge_change
from keepwell.app.smoke.keeping import keep
from keepwell.app.smoke.report import SmokeReport
from keepwell.cli.views.compare import render
from keepwell.core.errors import ConfigurationError, NotThere
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import engine
from keepwell.store.benchmarks import KeptHead, KeptResult, save_benchmark
from keepwell.store.smokes import KeptSmoke, SmokeRow


def row(check: str, status: str, **more: str) -> SmokeRow:
    return SmokeRow(check=check, subject="engine:a/b", status=status, message=f"{check} {status}", **more)  # type: ignore[arg-type]


def kept(*rows: SmokeRow) -> KeptSmoke:
    return KeptSmoke(id="x", at=0.0, seconds=1.0, rows=rows)


def test_each_question_has_its_word_and_what_is_worse_comes_first() -> None:
    before = kept(row("a", "ok"), row("b", "critical"), row("c", "ok", kind="cut"), row("d", "ok"), row("e", "ok"))
    after = kept(
        row("f", "warning"), row("e", "ok"), row("c", "ok", kind="refused"), row("b", "warning"), row("a", "critical")
    )
    report = compare_smokes(before, after)
    found = {one.check: one.state for one in report.changes}
    assert found == {"a": "worse", "b": "better", "c": "other", "d": "gone", "e": "same", "f": "new"}
    assert (report.changes[0].check, report.exit_code) == ("a", 1)
    console = Console(width=200)
    with console.capture() as captured:
        console.print(render(report))
    assert "1 worse, 1 new, 1 gone, 1 other, 1 better, 1 same" in captured.get()


STATUS = st.sampled_from(["ok", "unknown", "warning", "critical"])


@given(STATUS, STATUS)
def test_the_way_back_from_worse_is_better(one: str, two: str) -> None:
    there, back = judge_change(row("a", one), row("a", two)), judge_change(row("a", two), row("a", one))
    assert {"worse": "better", "better": "worse"}.get(there, there) == back
    assert (there == "same") == (one == two)


def report_of(status: Status, at: float, target: str = "") -> SmokeReport:
    found = Finding(
        check="smoke.answers", subject=engine("a", "b"), status=status, message="m", facts={"seconds": "0.5"}
    )
    return SmokeReport(
        kind="smoke", at=at, seconds=1.0, target=target, comprehensive=False, engines=("b",), findings=(found,)
    )


async def test_the_last_two_of_one_target_are_compared_and_files_too(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    with pytest.raises(NotThere, match="no test is kept"):
        await compare(caller, "last-1", "last")
    first = keep(tmp_path, report_of(Status.OK, 1.0, "gpu01"))
    keep(tmp_path, report_of(Status.CRITICAL, 2.0, "elsewhere"))
    last = keep(tmp_path, report_of(Status.CRITICAL, 3.0, "gpu01"))
    report = await compare(caller, "last-1", "last")
    assert (report.before, report.after, report.exit_code) == (first.kept, last.kept, 1)
    assert (await compare(caller, first.kept, first.kept)).exit_code == 0
    import json

    file = tmp_path / "before.json"
    file.write_text(json.dumps(document(replace(first, kept=""))))
    report = await compare(caller, str(file), last.kept)
    assert [(one.state, one.before_seconds) for one in report.changes] == [("worse", 0.5)]
    file.write_text("{}")
    with pytest.raises(ConfigurationError, match="no smoke test"):
        await compare(caller, str(file), "last")
    with pytest.raises(ConfigurationError, match="no two tests"):
        await compare(caller, "nothing", "last")


def benchmark(state: Path, group: str, number: int, first: float) -> None:
    head = KeptHead(
        id=f"{group}-{number}", created_at=float(number), seconds=1.0, group=group, figures={"ttft_p50": first}
    )
    save_benchmark(state, KeptResult(head=head, columns={}, itl=array("d")))


async def test_benchmarks_get_the_verdict_on_their_runs(tmp_path: Path) -> None:
    for number in range(6):
        benchmark(tmp_path, "old", number, 0.100 + number * 0.0005)
        benchmark(tmp_path, "slow", number, 0.150 + number * 0.0005)
        benchmark(tmp_path, "alone", number, 0.1)
    caller = Caller(state=tmp_path)
    slower = await compare(caller, "old", "slow")
    assert (slower.verdict, slower.exit_code, slower.kind) == ("regressed", 1, "benchmark")
    assert (await compare(caller, "old-1", "slow-1")).verdict == "no verdict"
    console = Console(width=200)
    with console.capture() as captured:
        console.print(render(slower))
    assert "verdict: regressed" in captured.get()
