"""Baselines: kept by all that has to be the same, later results held against them, regressions on the hub's board."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.benching.baseline_key import find_key
from keepwell.app.benching.baseline_report import change_baseline, judge_result, list_baselines
from keepwell.app.benching.baselines import drop_baseline, find_held_note, hold, keep_baseline, note_baseline
from keepwell.app.benching.kept import find_kept, keep
from keepwell.app.benching.regressions import AGE_SECONDS, find_regressions
from keepwell.app.hub.benchmarks import Benchmarks
from keepwell.app.operation import Caller
from keepwell.app.smoke.measured import compare_benchmarks
from keepwell.bench.parts import PARTS, find_failed, find_parts, find_rules
from keepwell.bench.result import Client, Result
from keepwell.core.errors import ConfigurationError
from keepwell.core.event import Event
from keepwell.core.finding import Status
from keepwell.store.bench_baselines import load_bench_baselines
from keepwell.store.benchmarks import FOLDER_NAME
from keepwell.store.sights import Sight, Sights, save_sights
from keepwell.testing.clock import FakeClock
from tests.app.hub.made import make_hub
from tests.bench.made import AIM, make_result, make_row

NOW = 1_800_000_000.0


def made(name: str, *, slower: float = 1.0, spread: float = 0.01, failed: int = 0, requests: int = 60) -> Result:
    """A run whose requests vary, the same again for the same name."""
    draw = random.Random(name)
    rows = []
    for number in range(requests):
        times = [slower * draw.lognormvariate(0, spread) for _ in range(2)]
        row = make_row(number / 3, ttft=0.05 * times[0], gap=0.01 * times[1], tokens=16, outcome=int(number < failed))
        rows.append(row)
    return replace(make_result(rows), id=name, created_at=NOW + float(name[1:]))


def put(state: Path, result: Result) -> str:
    """Kept as a benchmark is."""
    keep(state, result, {})
    return result.id


def test_a_run_is_cut_into_parts_in_time() -> None:
    figures = find_parts([made("r1"), made("r2")])
    assert {name: len(found) for name, found in figures.items()} == {
        "ttft": 2 * PARTS,
        "tpot": 2 * PARTS,
        "e2e": 2 * PARTS,
        "output_tokens_per_second": 2 * PARTS,
    }
    assert len(find_parts([made("r1", requests=7)])["ttft"]) == 1
    assert find_parts([]) == {}
    assert find_parts([made("r1", failed=60)]) == {}
    assert find_failed([made("r1", failed=6)]) == pytest.approx(0.1)
    assert find_failed([]) == 0.0


def test_from_three_runs_on_their_own_spread_counts() -> None:
    few, many = [made("r1"), made("r2")], [made("r1"), made("r2"), made("r3", slower=1.3)]
    assert find_rules(few, few[:1]).drift == pytest.approx(0.03 * 1.5**0.5)
    assert find_rules(many, few[:1]).drift > 0.1
    assert find_rules(many, few[:1]).freedom == 2


def test_the_same_is_the_same_and_a_slower_one_is_told_with_what_changed(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        keep_baseline(tmp_path, put(tmp_path, made(f"r{number}")), NOW)
    same = hold(tmp_path, put(tmp_path, made("r10")), NOW + 10)
    assert (same.word, same.runs, same.said) == ("same", 3, "The same as the baseline of 3 runs.")
    event = Event(at=NOW + 15, kind="package", what="the driver was upgraded", source="log", topic="driver")
    save_sights(tmp_path, "box", Sights(last=Sight(at=NOW), changes=(replace(event, at=NOW - 5), event)))
    worse = hold(tmp_path, put(tmp_path, made("r20", slower=1.2)), NOW + 20)
    assert worse.word == "regressed"
    assert worse.said.startswith("Worse than the baseline of 3 runs: ")
    assert "time to first token +" in worse.said
    assert [one.what for one in worse.events] == ["the driver was upgraded"]
    better = hold(tmp_path, put(tmp_path, made("r30", slower=0.7)), NOW + 30)
    assert better.word == "improved"
    assert better.said.startswith("Better than")


def test_a_benchmark_says_by_itself_what_it_is_against_its_baseline(tmp_path: Path) -> None:
    assert find_held_note(tmp_path, put(tmp_path, made("r1")), NOW) == ()
    assert note_baseline(tmp_path, "r1", NOW) == "kept as baseline, which has 1 run now"
    (worse,) = find_held_note(tmp_path, put(tmp_path, made("r2", slower=2.0)), NOW)
    assert worse.startswith("worse than the baseline of 1 run: ")
    assert note_baseline(tmp_path, "r9", NOW).startswith("not kept as baseline: no benchmark")
    assert find_held_note(tmp_path, "r9", NOW)[0].startswith("no verdict: no benchmark")


def test_two_results_beside_each_other_are_judged_by_their_parts(tmp_path: Path) -> None:
    for name, slower in (("r1", 1.0), ("r2", 1.0), ("r3", 1.4)):
        put(tmp_path, made(name, slower=slower))
    slow, same = compare_benchmarks(tmp_path, "r1", "r3"), compare_benchmarks(tmp_path, "r1", "r2")
    assert slow is not None
    assert same is not None
    assert (slow.verdict, same.verdict) == ("regressed", "no verdict")
    assert "anything from" in same.measures[0].why


def test_failures_are_worse_whatever_the_times(tmp_path: Path) -> None:
    keep_baseline(tmp_path, put(tmp_path, made("r1")), NOW)
    found = hold(tmp_path, put(tmp_path, made("r2", failed=6)), NOW)
    assert (found.word, found.said) == ("regressed", "Worse than the baseline: 10% of requests failed, 0% before.")


def test_of_another_version_or_load_there_is_no_verdict_and_it_says_why(tmp_path: Path) -> None:
    assert "no baseline is kept of this" in hold(tmp_path, put(tmp_path, made("r1")), NOW).said
    keep_baseline(tmp_path, "r1", NOW)
    assert hold(tmp_path, "r1", NOW).said == "No verdict: it is the baseline's only run."
    other = made("r2", slower=2.0)
    other = replace(other, aim=replace(AIM, version="2.0", settings={"CONTEXT": "8192"}))
    found = hold(tmp_path, put(tmp_path, other), NOW)
    assert found.word == "no verdict"
    assert found.unlike == (("engine version", "", "2.0"), ("setting CONTEXT", "", "8192"))
    assert "engine version (was not set, is 2.0)" in found.said
    busier = made("r3")
    busier = replace(busier, load=replace(busier.load, clients=8))
    assert hold(tmp_path, put(tmp_path, busier), NOW).unlike == (("load", "2", "8"),)
    assert load_bench_baselines(tmp_path).baselines[0].last is None


def test_a_run_that_tells_nothing_of_the_engine_is_no_baseline_and_has_no_verdict(tmp_path: Path) -> None:
    keep_baseline(tmp_path, put(tmp_path, made("r1")), NOW)
    limited = replace(made("r2", slower=3.0), client=Client(limited="its loop was late"))
    put(tmp_path, limited)
    with pytest.raises(ConfigurationError, match="the client was the limit"):
        keep_baseline(tmp_path, "r2", NOW)
    assert hold(tmp_path, "r2", NOW).said == "No verdict: the client was the limit: its loop was late."
    put(tmp_path, replace(made("r3"), stopped=True))
    assert hold(tmp_path, "r3", NOW).said == "No verdict: it was ended early."
    with pytest.raises(ConfigurationError, match="nothing was answered"):
        keep_baseline(tmp_path, put(tmp_path, made("r4", failed=60)), NOW)


def test_results_that_cannot_be_read_cost_themselves_alone(tmp_path: Path) -> None:
    for number in (1, 2):
        keep_baseline(tmp_path, put(tmp_path, made(f"r{number}")), NOW)
    (tmp_path / FOLDER_NAME / "r1.bench").write_bytes(b"torn")
    put(tmp_path, made("r3"))
    assert hold(tmp_path, "r3", NOW).runs == 1
    (tmp_path / FOLDER_NAME / "r2.bench").unlink()
    assert hold(tmp_path, "r3", NOW).said == "No verdict: the results of its baseline cannot be read."


async def test_a_regression_is_pinned_until_a_later_run_is_as_before(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        keep_baseline(tmp_path, put(tmp_path, made(f"r{number}")), NOW)
    hub = make_hub(tmp_path, clock=FakeClock(NOW))
    duty = Benchmarks()
    await duty.do(hub, NOW)
    assert list(hub.board.findings()) == []
    hold(tmp_path, put(tmp_path, made("r10", slower=1.3)), NOW)
    await duty.do(hub, NOW)
    (found,) = hub.board.findings()
    assert (found.check, str(found.subject), found.status) == ("bench.regressed", AIM.engine, Status.WARNING)
    assert found.facts["benchmark"] == "r10"
    hold(tmp_path, put(tmp_path, replace(made("r12"), stopped=True)), NOW + 30)
    await duty.do(hub, NOW + 30)
    assert [one.status for one in hub.board.findings()] == [Status.WARNING]
    hold(tmp_path, put(tmp_path, made("r11")), NOW + 60)
    await duty.do(hub, NOW + 60)
    assert [one.status for one in hub.board.findings()] == [Status.OK]
    baselines = load_bench_baselines(tmp_path).baselines
    assert list(find_regressions(baselines, NOW + 61 + AGE_SECONDS)) == []
    await duty.close()
    hub.requests.close()
    hub.series.close()


def test_the_commands_keep_list_judge_and_drop(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    assert list_baselines(caller).baselines == ()
    put(tmp_path, made("r1"))
    kept = change_baseline(caller, "", drop=False)
    assert kept.done.startswith("Kept as baseline; it has 1 run now. From three runs on")
    put(tmp_path, made("r2", slower=2.0))
    judged = judge_result(caller, "last")
    assert (judged.held.word, judged.exit_code) == ("regressed", 1)
    assert judged.key == find_key_of(tmp_path)
    assert change_baseline(caller, "r1", drop=True).done.startswith("Taken out: 1 run.")
    assert list_baselines(caller).baselines == ()
    assert judge_result(caller, "r2").exit_code == 3
    assert drop_baseline(tmp_path, "r1") == 0
    with pytest.raises(ConfigurationError, match="no benchmark"):
        judge_result(caller, "r99")


def find_key_of(state: Path) -> dict[str, str]:
    """Of the newest result there."""
    return find_key(find_kept(state, "last")[-1])
