"""The report of a run: by its journal alone, before, midway, after and undone; what was felt, by rows; masked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keepwell.app.applying.interruption import Window, find_windows, judge_rows
from keepwell.app.applying.runbook import RunbookReport, make_runbook
from keepwell.app.applying.runbook_text import render_markdown
from keepwell.app.operation import Caller
from keepwell.app.plain import document
from keepwell.cli.views.runbook import render as render_view
from keepwell.conform.execute import apply
from keepwell.conform.undo import undo
from keepwell.core.finding import Status
from keepwell.core.run import Item, ItemState, Moment
from keepwell.core.step import Plan
from keepwell.pages.runbook import render as render_page
from keepwell.store.requests import RequestRow
from tests.conform.kit import RUN, Answers, DoomedTraffic, make_folder, make_plan, open_bench

SECRET = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


def moment(at: float, key: str, state: ItemState) -> Moment:
    return Moment(at=at, item=Item(key=key, state=state))


def row(at: float, seconds: float, *, outcome: str = "", replica: str = "box/e", wait: float = 0.0) -> RequestRow:
    texts = dict.fromkeys(("key", "path", "dialect", "route", "asked", "answered", "proof", "digest", "device"), "")
    numbers = dict.fromkeys(
        ("id", "status", "retries", "input_tokens", "output_tokens", "cached_tokens", "bytes_in", "bytes_out"), 0
    )
    return RequestRow(
        **texts,
        **numbers,
        replica=replica,
        outcome=outcome,
        stream=False,
        changed_options=0,
        at=at,
        queue_seconds=wait,
        first_byte_seconds=-1.0,
        total_seconds=seconds,
        output_token_seconds=-1.0,
    )


async def read(tmp_path: Path) -> RunbookReport:
    config = tmp_path / "keepwell.toml"
    config.touch()
    return await make_runbook(Caller(state=tmp_path / "state", config=config), RUN)


def make_secret_plan(tmp_path: Path) -> Plan:
    plan = make_plan(make_folder(tmp_path / "world"), tmp_path / "cordon")
    first = replace(plan.changes[0], what="key <b>", after=f"API_KEY={SECRET}", interrupts="the engine, 1 s")
    return replace(plan, changes=(first, *plan.changes[1:]), why="not as `wished`")


async def test_a_run_from_its_plan_to_its_undo(tmp_path: Path) -> None:
    plan = make_secret_plan(tmp_path)
    async with open_bench(plan, tmp_path / "state", traffic=DoomedTraffic(tmp_path / "cordon")) as bench:
        report = await read(tmp_path)
        assert (report.state, report.undo, report.no_undo) == ("pending", "", "nothing was changed yet")
        assert (report.events, report.backup) == ((), "")
        await apply(plan, bench, Answers([Status.OK]))
        report = await read(tmp_path)
        assert (report.state, report.undo, report.proved) == (
            "done",
            f"keepwell undo {RUN}",
            "the check is OK and stayed OK",
        )
        assert report.backup == str(tmp_path / "state" / "backups" / f"{RUN}.tar")
        assert {one.state for one in report.changes} == {"done"}
        assert len(report.interruptions) == 1
        assert report.interruptions[0].felt is None
        shown = (render_markdown(report), render_page(report), str(document(report)), str(render_view(report)))
        assert [text for text in shown if SECRET in text] == []
        assert all(f"keepwell undo {RUN}" in text for text in shown)
        assert "<b>" not in shown[1]
        assert "drain engine:here/some" in shown[0]
        await undo(plan, bench)
        report = await read(tmp_path)
        assert (report.state, report.undo, report.no_undo) == ("undone", "", "it was taken back")
        assert len(report.interruptions) == 2


def test_when_an_engine_had_no_requests() -> None:
    done = (
        moment(1, "drain", "begun"),
        moment(2, "drain", "begun"),
        moment(3, "drain", "done"),
        moment(4, "give back", "begun"),
        moment(5, "give back", "done"),
    )
    back = (moment(7, "give back", "undoing"), moment(8, "drain", "undoing"), moment(9, "drain", "undone"))
    assert find_windows(done) == (Window(since=1, until=5),)
    assert find_windows((*done, *back)) == (Window(since=1, until=5), Window(since=7, until=9))
    assert find_windows(done[:3]) == (Window(since=1, until=0.0),)
    assert find_windows((moment(1, "drain", "begun"), moment(6, "drain", "failed"))) == (Window(since=1, until=6),)
    assert find_windows((moment(1, "change 0", "begun"),)) == ()


def test_what_clients_had_of_it() -> None:
    rows = [
        row(8.0, 1.0),
        row(11.0, 3.0, wait=2.5),
        row(12.0, 0.5, outcome="no_replica", replica=""),
        row(13.0, 0.5, replica="box/other"),
        row(30.0, 1.0),
    ]
    felt = judge_rows(rows, "box/e", Window(since=10.0, until=15.0))
    assert (felt.requests, felt.failed, felt.elsewhere) == (3, 1, 1)
    assert (felt.longest_wait_seconds, felt.no_answer_seconds) == (2.5, 17.0)
    nobody = judge_rows([], "box/e", Window(since=10.0, until=0.0))
    assert (nobody.requests, nobody.longest_wait_seconds, nobody.no_answer_seconds) == (0, 0.0, 0.0)
