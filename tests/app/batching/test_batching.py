"""`keepwell batch` as a person uses it: rows and a prompt, again, another prompt, the list, a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from keepwell.app.batching.listing import list_batches, render_command, resume_batch, show_batch, stop_batch
from keepwell.app.batching.report import BatchPlanReport, BatchReport
from keepwell.app.batching.running import run_batch
from keepwell.app.batching.telling import describe_left, render_time
from keepwell.app.batching.wish import BatchWish
from keepwell.app.operation import Caller
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.testing.batch_stub import Plan
from tests.batch.parts import serving


@pytest.fixture
def wish(tmp_path: Path) -> BatchWish:
    (tmp_path / "in.csv").write_text('text,place\nhello,Rome\n"good, day",Oslo\nnothing,\n')
    return BatchWish(
        input=str(tmp_path / "in.csv"),
        out=str(tmp_path / "out.jsonl"),
        model="m",
        prompt="{text} in {place}",
        concurrency="4",
    )


def caller(tmp_path: Path, lines: list[str] | None = None) -> Caller:
    told = lines if lines is not None else []
    return Caller(state=tmp_path / "state", config=_write_config(tmp_path), note=told.append)


def _write_config(tmp_path: Path) -> Path:
    path = tmp_path / "keepwell.toml"
    path.write_text("")
    return path


async def run(wish: BatchWish, who: Caller) -> BatchReport:
    report = await run_batch(who, wish)
    assert isinstance(report, BatchReport)
    return report


async def test_rows_are_asked_once_and_listed(tmp_path: Path, wish: BatchWish) -> None:
    plan, lines = Plan(), list[str]()
    async with serving(plan) as (port,):
        wish = replace(wish, to=f"http://127.0.0.1:{port}/v1")
        first = await run(wish, caller(tmp_path, lines))
        again = await run(wish, caller(tmp_path, lines))
        resumed = await resume_batch(caller(tmp_path), first.batch.id[:5])
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert sorted(row["answer"] for row in rows) == ["<good, day in Oslo>", "<hello in Rome>", "<nothing in >"]
    assert (first.exit_code, first.batch.answered, first.batch.output_tokens) == (0, 3, 21)
    assert (again.exit_code, again.batch.done_here, plan.asked) == (0, 0, 3)
    assert isinstance(resumed, BatchReport)
    assert resumed.batch.done_here == 0
    assert lines[0].endswith(f": 3 to do, asks http://127.0.0.1:{port}")
    assert lines[1].endswith("all 3 are done")
    (listed,) = list_batches(caller(tmp_path)).batches
    assert (listed.id, listed.state, listed.answered) == (first.batch.id, "done", 3)
    assert "--prompt '{text} in {place}'" in show_batch(caller(tmp_path), listed.id).batch.command


async def test_another_prompt_is_refused_and_told(tmp_path: Path, wish: BatchWish) -> None:
    async with serving(Plan()) as (port,):
        wish = replace(wish, to=f"http://127.0.0.1:{port}")
        await run(wish, caller(tmp_path))
        with pytest.raises(RefusedError, match="begun with something else: prompt"):
            await run(replace(wish, prompt="{text}"), caller(tmp_path))
        anew = await run(replace(wish, prompt="{text}", anew=True), caller(tmp_path))
    assert anew.batch.done_here == 3


async def test_a_dry_run_asks_nobody(tmp_path: Path, wish: BatchWish) -> None:
    plan = Plan()
    async with serving(plan) as (port,):
        report = await run_batch(caller(tmp_path), replace(wish, to=f"http://127.0.0.1:{port}", dry_run=True))
    assert isinstance(report, BatchPlanReport)
    assert (plan.asked, report.total, json.loads(report.first)["messages"][0]["content"]) == (0, 3, "hello in Rome")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"concurrency": "many"}, "so many at a time"),
        ({"until": "25:00"}, "a time of day"),
        ({"timeout": "soon"}, "it has to be"),
        ({"prompt": ""}, "has to be said"),
        ({"prompt": "{nothing}"}, "nothing"),
        ({"to": "ftp://x"}, "not an address"),
        ({"energy": "much"}, "energy like 500Wh"),
        ({"energy": "2kWh", "to": "http://10.0.0.1:9"}, "cannot be held: the engine is not on this machine"),
        ({"on": "head:10001"}, "not the address of a Ray cluster"),
        ({"on": "ray://head", "to": "gateway"}, "an address as the nodes see it"),
        ({"on": "ray://127.0.0.1", "to": "http://"}, "not an address of an engine"),
        ({"on_resource": "engine"}, "name the cluster with --on"),
    ],
)
async def test_what_cannot_be_is_told_before_anything_is_asked(
    tmp_path: Path, wish: BatchWish, change: dict[str, Any], what: str
) -> None:
    with pytest.raises(ConfigurationError, match=what):
        await run(replace(wish, **{"to": "http://127.0.0.1:9", **change}), caller(tmp_path))


async def test_nobody_there_is_told_by_the_exit_code(tmp_path: Path, wish: BatchWish) -> None:
    with pytest.raises(ConfigurationError, match="no job"):
        stop_batch(caller(tmp_path), "out")
    async with serving(Plan()) as (port,):
        gone = port
    report = await run(replace(wish, to=f"http://127.0.0.1:{gone}", until="1s"), caller(tmp_path))
    assert (report.exit_code, report.batch.state, report.batch.done) == (1, "until", 0)
    assert report.next.startswith("keepwell batch resume out.jsonl-")


def test_a_command_can_be_typed_again() -> None:
    assert render_command("nonsense") == ""
    assert render_command('{"input": "/a b", "out": "/o", "ordered": true, "fallback": ["x", "y"]}') == (
        "keepwell batch run '/a b' --out /o --fallback x --fallback y --ordered"
    )


def test_times_are_told_in_their_largest_unit() -> None:
    assert (render_time(7), render_time(90), render_time(86400 * 2)) == ("7 s", "1.5 min", "2 d")
    assert describe_left(3600, 7200) == "1 h to 2 h left"
    assert describe_left(float("nan"), 1) == ""
    assert describe_left(60, float("inf")) == "at least 1 min left"


async def test_a_table_is_made_at_the_end_and_again_when_it_has_gone(tmp_path: Path, wish: BatchWish) -> None:
    out = tmp_path / "out.parquet"
    out.write_bytes(b"mine")
    plan = Plan()
    async with serving(plan) as (port,):
        wish = replace(wish, to=f"http://127.0.0.1:{port}", out=str(out))
        with pytest.raises(RefusedError, match="no job is known that made it"):
            await run(wish, caller(tmp_path))
        out.unlink()
        line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}
        (tmp_path / "asks.jsonl").write_text(json.dumps(line))
        first = await run(wish, caller(tmp_path))
        whole = parquet.read_table(out)
        out.unlink()
        again = await run(wish, caller(tmp_path))
        with pytest.raises(ConfigurationError, match="a table holds rows"):
            await run(replace(wish, prompt="", input=str(tmp_path / "asks.jsonl")), caller(tmp_path))
    assert (first.batch.output, first.batch.answered, plan.asked, again.batch.done_here) == (str(out), 3, 3, 0)
    assert parquet.read_table(out) == whole
    assert sorted(whole.column("place").to_pylist()) == ["", "Oslo", "Rome"]
    assert whole.column_names == ["text", "place", "custom_id", "answer", "model", "input_tokens", "output_tokens"]
    assert show_batch(caller(tmp_path), first.batch.id).batch.output == str(out)
