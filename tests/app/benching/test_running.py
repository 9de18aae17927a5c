"""A benchmark of an engine that answers as real ones do: what is sent, kept, listed and shown again."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.benching.listed import list_kept, show_kept
from keepwell.app.benching.running import run_bench
from keepwell.app.benching.typed import Typed
from keepwell.app.benching.wish import read_wish
from keepwell.app.operation import Caller
from keepwell.core.errors import ConfigurationError, Unreachable
from keepwell.core.observation import Missing
from keepwell.testing.engine import FakeEngine


def make_caller(folder: Path, told: list[str] | None = None) -> Caller:
    """Who asks, with a state folder of the test's own."""
    lines: list[str] = []
    if told is not None:
        lines = told
    return Caller(state=folder / "state", tell=lines.append)


async def test_what_is_measured_is_kept_and_shown_again(tmp_path: Path) -> None:
    """The same figures, from the file; a row a request in the table."""
    told: list[str] = []
    table = tmp_path / "rows.csv"
    async with FakeEngine("vllm") as engine:
        typed = Typed(what=engine.url, load="2", requests=6, output="8", csv=str(table), goal="e2e=60s")
        report = await run_bench(make_caller(tmp_path, told), read_wish(typed))
        model = engine.state.models[0].name
    (stretch,) = report.stretches
    assert (stretch.summary.requests, stretch.summary.answered, stretch.load) == (6, 6, "2")
    assert isinstance(stretch.client.calibrated, float)  # a server of known timing was asked as much
    assert report.aim.model == model
    assert report.aim.kind
    assert "6 of 6 requests were answered" in report.said
    assert {"ttft", "e2e"} <= {one.name for one in stretch.summary.times}
    assert told[0].startswith("Measuring ")
    assert "2 at a time, 6 requests" in told[1]
    listed = list_kept(make_caller(tmp_path))
    (line,) = listed.results
    assert (line.id, line.requests, line.load) == (report.group, 6, "2")
    again = show_kept(make_caller(tmp_path), "", goal="e2e=60s", csv="")
    assert again.stretches[0].summary == stretch.summary
    assert again.workload == report.workload
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["outcome"] for row in rows] == ["ok"] * 6
    assert all(float(row["ended"]) >= float(row["first"]) > float(row["sent"]) for row in rows)


async def test_a_sweep_goes_on_to_its_knee_and_is_one_result(tmp_path: Path) -> None:
    """Stretches of one group, each with its own load; nobody can keep to a microsecond."""
    told: list[str] = []
    async with FakeEngine("vllm") as engine:
        typed = Typed(what=engine.url, unchecked=True, load="sweep", requests=3, output="4", goal="e2e=0.001ms")
        report = await run_bench(make_caller(tmp_path, told), read_wish(typed))
    assert not isinstance(report.sweep, Missing)
    assert report.sweep.best == 0.0
    assert report.sweep.end in ("too much at once", "client")  # a machine that is busy is told as that
    assert report.exit_code == 2
    (line,) = list_kept(make_caller(tmp_path)).results
    assert (line.id, line.load, line.stretches) == (report.group, "sweep", 1)
    assert show_kept(make_caller(tmp_path), report.group, goal=report.goals, csv="").sweep == report.sweep
    with pytest.raises(ConfigurationError):
        show_kept(make_caller(tmp_path), "another", goal="", csv="")


async def test_a_replay_sends_what_the_file_says_and_when(tmp_path: Path) -> None:
    """Also with its own path; the model is the one that is measured."""
    trace = tmp_path / "trace.jsonl"
    trace.write_text(
        '{"at": 10.0, "messages": [{"role": "user", "content": "first"}], "model": "x"}\n'
        '{"timestamp": 10100, "input_length": 30, "output_length": 3}\n',
        encoding="utf-8",
    )
    async with FakeEngine("vllm") as engine:
        typed = Typed(what=engine.url, unchecked=True, load=f"replay:{trace}")
        report = await run_bench(make_caller(tmp_path), read_wish(typed))
        asked = [one.json() for one in engine.requests if one.method == "POST"]
    summary = report.stretches[0].summary
    assert (summary.requests, summary.answered) == (2, 2)
    assert summary.find("ttft_due") is not None
    assert [one["model"] for one in asked] == [engine.state.models[0].name] * 4
    assert "2 requests of trace.jsonl, replayed" in report.workload


async def test_turns_hold_the_answers_before(tmp_path: Path) -> None:
    """Each turn is a request of its own."""
    async with FakeEngine("vllm") as engine:
        typed = Typed(what=engine.url, unchecked=True, requests=4, turns=2, output="4", input="10")
        report = await run_bench(make_caller(tmp_path), read_wish(typed))
        asked = [one.json() for one in engine.requests if one.method == "POST"][2:]
    assert report.stretches[0].summary.answered == 4
    assert [len(one["messages"]) for one in asked] == [1, 3, 1, 3]


async def test_embeddings_have_no_tokens_to_wait_for(tmp_path: Path) -> None:
    """But an end."""
    async with FakeEngine("ollama") as engine:
        typed = Typed(what=engine.url, unchecked=True, requests=2, path="/v1/embeddings")
        report = await run_bench(make_caller(tmp_path), read_wish(typed))
    summary = report.stretches[0].summary
    assert summary.answered == 2
    assert [one.name for one in summary.times] == ["e2e"]


async def test_an_engine_is_asked_in_its_own_way(tmp_path: Path) -> None:
    """By the path and form that its plug-in has."""
    async with FakeEngine("ollama") as engine:
        typed = Typed(what=engine.url, unchecked=True, requests=2, path="native", output="5")
        report = await run_bench(make_caller(tmp_path), read_wish(typed))
        paths = [one.path for one in engine.requests if one.method == "POST"]
    assert report.stretches[0].summary.answered == 2
    assert paths[-2:] == ["/api/chat"] * 2


async def test_what_does_not_answer_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """With what to do."""
    async with FakeEngine("vllm") as engine:
        url = engine.url
    with pytest.raises(Unreachable):
        await run_bench(make_caller(tmp_path), read_wish(Typed(what=url)))


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        (Typed(load="x"), "--load"),
        (Typed(input="0"), "--input"),
        (Typed(output="a"), "--output"),
        (Typed(goal="ttft"), "--goal"),
        (Typed(load="replay:a", prompts="b"), "--prompts"),
        (Typed(turns=2, prompts="recorded"), "--turns"),
    ],
)
def test_what_was_typed_wrongly_is_told_by_its_option(typed: Typed, where: str) -> None:
    """And what would do."""
    with pytest.raises(ConfigurationError) as error:
        read_wish(typed)
    assert error.value.where == where


def test_the_usual_lengths_of_time() -> None:
    """20 s, 10 s a stretch; none where requests end it, or a file."""
    assert read_wish(Typed()).load.load.seconds == 20
    assert read_wish(Typed(load="sweep")).load.load.seconds == 10
    assert read_wish(Typed(requests=5)).load.load.seconds == 0
    assert read_wish(Typed(load="replay:f")).load.load.seconds == 0
    assert read_wish(replace(Typed(), seconds=7)).load.load.seconds == 7
