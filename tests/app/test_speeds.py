"""Speeds from look to look: kept, handed on, compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.app.measured import earlier_speeds, keep_speeds
from keepwell.app.operation import Caller
from keepwell.app.picture import picture_node
from keepwell.app.speeds import list_speeds
from keepwell.core.errors import ConfigurationError
from keepwell.core.observation import Missing, Observation, Seen, Value, unknown
from keepwell.core.ref import engine, node

REF = engine("box", "some")


def _seen(rate: float, model: str = "m") -> Seen:
    seconds = 95 / rate
    row: dict[str, Value] = {"kind": "generation", "output_tokens": 96, "timed_tokens": 95, "output_seconds": seconds}
    speed: Value = {"model": model, "requests": ({**row, "seconds": seconds}, {**row, "seconds": seconds})}
    return Seen(
        [
            Observation(subject=REF, name="engine.speed", value=speed, at=0.0, source="t"),
            Observation(subject=REF, name="engine.output_tokens_per_second", value=rate, at=0.0, source="t"),
            Observation(subject=node("box"), name="host.cpu", value={"cores": 2}, at=0.0, source="t"),
        ]
    )


async def test_the_newest_run_is_compared_with_the_one_before_or_the_one_that_is_named(tmp_path: Path) -> None:
    for at, rate in ((1_000_000_000.0, 100.0), (1_000_000_100.0, 50.0), (1_000_000_200.0, 49.0)):
        keep_speeds(tmp_path, _seen(rate), at)
    caller = Caller(state=tmp_path)
    report = await list_speeds(caller, "")
    assert [one.output_tokens_per_second for one in report.runs] == [100.0, 50.0, 49.0]
    assert (report.compared[0].facts["kind"], report.exit_code) == ("same", 0)
    since = await list_speeds(caller, report.runs[0].run)
    assert (since.compared[0].facts["kind"], since.exit_code) == ("slower", 1)
    with pytest.raises(ConfigurationError, match="no run"):
        await list_speeds(caller, "nothing")


async def test_two_models_are_not_compared(tmp_path: Path) -> None:
    keep_speeds(tmp_path, _seen(100.0), 1.0)
    keep_speeds(tmp_path, _seen(10.0, model="other"), 2.0)
    assert (await list_speeds(Caller(state=tmp_path), "")).compared == ()


def test_what_was_kept_is_handed_to_the_next_look_of_that_node(tmp_path: Path) -> None:
    keep_speeds(tmp_path, _seen(100.0), 5.0)
    keep_speeds(tmp_path, _seen(90.0), 6.0)
    (found,) = earlier_speeds(tmp_path, "box")
    assert (found.subject, found.name, found.at) == (REF, "engine.speed_earlier", 6.0)
    assert earlier_speeds(tmp_path, "elsewhere") == ()


def test_a_look_without_a_measurement_keeps_nothing(tmp_path: Path) -> None:
    nothing = Observation(subject=REF, name="engine.speed", value=unknown("not asked for"), at=0.0, source="t")
    keep_speeds(tmp_path, Seen([nothing]), 5.0)
    assert list(tmp_path.iterdir()) == []


def test_the_picture_tells_the_speed() -> None:
    picture = picture_node(node("box"), _seen(40.0), (), {REF: ("Some", "http://x")})
    speed = picture.engines[0].speed
    assert not isinstance(speed, Missing)
    assert speed.output_tokens_per_second == 40.0
    assert isinstance(speed.first_token_seconds, Missing)
