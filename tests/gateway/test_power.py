"""A request's share of its node's electricity: it adds up, and where something is not known nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.serving.power import READING, add_up
from keepwell.core.observation import Observation, unknown
from keepwell.core.ref import device
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.record.power import POWER_FILE, STALE_SECONDS, Power, Watts, cost_of, load_watts, render_watts
from keepwell.gateway.record.recorder import Recorder
from keepwell.store.requests import read_rows


def reading(watts: float, at: float = 0.0) -> dict[str, Watts]:
    return {"box": Watts(node="box", at=at, watts=watts)}


def test_one_request_alone_has_all_of_it_and_two_share() -> None:
    power = Power()
    for second in range(11):
        power.tick(100.0 + second, 0.0, reading(300.0), {"box": 1 + (second > 5)})
    assert power.joules("box", 100.0, 105.0) == pytest.approx(1500)
    assert power.joules("box", 105.0, 110.0) == pytest.approx(750)
    assert power.joules("box", 102.25, 102.75) == pytest.approx(150)
    assert power.joules("box", 109.0, 111.0) == pytest.approx(300), "beyond the last look as in it"


def test_what_is_not_known_is_not_told() -> None:
    power = Power()
    assert power.joules("box", 1.0, 2.0) == -1
    power.tick(100.0, 0.0, reading(300.0), {})
    power.tick(101.0, 0.0, reading(300.0), {})
    assert power.joules("box", 99.0, 101.0) == -1, "it began before anything was known"
    assert power.joules("box", 0.0, 101.0) == -1, "it never began"
    assert power.joules("other", 100.0, 101.0) == -1
    power.tick(102.0, STALE_SECONDS + 1, reading(300.0), {})
    assert power.joules("box", 100.0, 101.0) == -1, "the reading is old"
    power.tick(103.0, 0.0, {"box": Watts(node="box", at=0.0, why="no device that tells its power")}, {})
    assert not power.known
    assert (cost_of(-1.0, 0.3), cost_of(7.2e6, 0.0)) == (-1.0, -1.0)
    assert cost_of(7.2e6, 0.3) == pytest.approx(0.6)


@given(st.lists(st.tuples(st.floats(0.1, 2), st.floats(0, 1000), st.integers(1, 8)), min_size=2, max_size=40))
def test_shares_add_up_to_what_was_drawn(ticks: list[tuple[float, float, int]]) -> None:
    """Requests that run from beginning to end, as many as ran, used together what the node did."""
    power, now, drawn = Power(), 10.0, 0.0
    count = ticks[0][2]
    power.tick(now, 0.0, reading(0.0), {"box": count})
    for seconds, watts, _ in ticks:
        now += seconds
        drawn += seconds * watts
        power.tick(now, 0.0, reading(watts), {"box": count})
    assert count * power.joules("box", 10.0, now) == pytest.approx(drawn)
    half = 10.0 + (now - 10.0) / 2
    parts = power.joules("box", 10.0, half) + power.joules("box", half, now)
    assert parts == pytest.approx(power.joules("box", 10.0, now))


def test_a_sum_needs_all_of_its_parts() -> None:
    def said(number: int, value: object) -> Observation:
        return Observation(subject=device("box", number), name=READING, value=value, at=0.0, source="x")

    assert add_up("box", [said(0, 100.0), said(1, 50)], 7.0) == Watts(node="box", at=7.0, watts=150.0)
    assert "driver" in add_up("box", [said(0, 100.0), said(1, unknown("the driver does not tell"))], 7.0).why
    assert "no device" in add_up("box", [], 7.0).why


@given(st.binary(max_size=60))
def test_no_file_is_trusted(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "power.json"
        path.write_bytes(content)
        assert load_watts(path) == {}
        path.write_bytes(render_watts(reading(5.0)))
        assert load_watts(path) == reading(5.0)


def test_energy_and_cost_stand_in_the_record_where_they_are_known(tmp_path: Path) -> None:
    import time

    now, wall = time.monotonic(), time.time()
    path = tmp_path / "gateway" / "requests.db"
    recorder = Recorder(path)
    recorder.tariff = 0.36
    path.parent.mkdir()
    (tmp_path / POWER_FILE).write_bytes(render_watts({"box": Watts(node="box", at=wall, watts=100.0)}))
    power = recorder._power
    for second in (-20, -10, 0):
        power.tick(now + second, wall, load_watts(tmp_path / POWER_FILE), {"box": 2})
    for number, replica in enumerate(("box/vllm", "far/vllm")):
        facts = Facts(number, now - 15)
        facts.replica, facts.started, facts.ended = replica, now - 14, now - 4
        recorder.put(facts)
    recorder.close()
    near, far = (row for _, row in read_rows(path))
    assert near.energy_joules == pytest.approx(500)
    assert near.cost == pytest.approx(500 / 3.6e6 * 0.36)
    assert (far.energy_joules, far.cost) == (-1.0, -1.0)
