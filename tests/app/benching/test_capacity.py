"""What is promised, what was measured of it, and what the command says with nothing, and with results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from keepwell.app.benching.capacity import CapacityReport, find_measured, read_promises
from keepwell.app.benching.kept import keep
from keepwell.app.benching.rooms import Fit, Form, Room
from keepwell.bench.capacity import Estimate, Promise
from keepwell.bench.load import Load
from keepwell.cli.views.capacity import render
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.errors import ConfigurationError
from keepwell.core.observation import unknown
from keepwell.store.benchmarks import FOLDER_NAME
from tests.bench.made import make_result, make_row


def say(report: CapacityReport) -> str:
    """What stands on a screen."""
    console = Console(width=200)
    with console.capture() as found:
        console.print(render(report))
    return found.get()


def test_goals_come_before_objectives_and_of_those_times_count() -> None:
    objectives = (
        ObjectiveEntry(name="fast", indicator="ttft", target=0.99, within_seconds=0.5),
        ObjectiveEntry(name="whole", indicator="total", target=0.9, within_seconds=8.0),
        ObjectiveEntry(name="up", indicator="availability", target=0.999),
        ObjectiveEntry(name="one key", indicator="ttft", target=0.99, within_seconds=0.1, key="k"),
    )
    assert read_promises("", objectives) == (
        Promise(limit="ttft", seconds=0.5, share=0.99, name="fast"),
        Promise(limit="e2e", seconds=8.0, share=0.9, name="whole"),
    )
    assert read_promises("tpot=50ms", objectives) == (Promise(limit="tpot", seconds=0.05, share=0.95, name="--goal"),)
    with pytest.raises(ConfigurationError):
        read_promises("soon", ())


def test_results_become_the_largest_load_and_damage_costs_itself(tmp_path: Path) -> None:
    for clients, ttft in ((1, 0.02), (2, 0.05), (4, 0.4)):
        rows = [make_row(number, ttft=ttft) for number in range(20)]
        made = replace(make_result(rows, load=Load(clients=clients)), id=f"r{clients}")
        keep(tmp_path, made, {})
    notes: list[str] = []
    promises = read_promises("ttft=100ms", ())
    (found,) = find_measured(tmp_path, promises, "", "", notes)
    assert found.capacity.best is not None
    assert found.capacity.best.size == 2
    assert list(find_measured(tmp_path, promises, "other", "", notes)) == []
    assert list(find_measured(tmp_path, promises, "", "elsewhere", notes)) == []
    assert notes == []
    path = tmp_path / FOLDER_NAME / "r4.bench"
    path.write_bytes(path.read_bytes()[:-9])
    (rest,) = find_measured(tmp_path, promises, "m", "box", notes)
    assert rest.capacity.beyond is None
    assert notes == ["r4 is not used: its requests are cut or damaged"]
    said = say(CapacityReport(promises=promises, measured=(found,), room=unknown("elsewhere"), fits=()))
    assert "Promised: ttft within 0.1 s for 95 % (--goal)" in said
    assert "2 clients" in said
    assert "4 clients: ttft within 0.1 s: 0.0% of requests, promised 95 %" in said


def test_nothing_is_said_well() -> None:
    report = CapacityReport(promises=(), measured=(), room=Room(devices=(("memory", 8e9),), on_cpu=True), fits=())
    said = say(report)
    assert report.exit_code == 3
    assert "Nothing was measured: keepwell bench --load sweep" in said
    assert "No GPU that tells its memory" in said
    assert "No model of an engine here is known" in said


def test_estimates_are_called_so() -> None:
    form = Form(quantisation="Q8_0", weight_bytes=8e9, at_once=3, speed=Estimate(low=30, high=50))
    fit = Fit(
        engine="engine:box/x",
        model="m",
        quantisation="F16",
        weight_bytes=16e9,
        cache_bytes=5e8,
        work_bytes=1e8,
        context_tokens=4096,
        at_once=0,
        one_more=9,
        speed=Estimate(low=20, high=20),
        measured=True,
        forms=(form,),
    )
    room = Room(devices=(("card", 16e9),), on_cpu=False)
    said = say(CapacityReport(promises=(), measured=(), room=room, fits=(fit,)))
    assert "20 measured" in said
    assert "does not fit" in said
    assert "m as Q8_0: 7.45 GiB, 3 at once, 30 to 50 tokens/s (estimate)" in said
    assert "at most twice the measured load (estimate)" in said
