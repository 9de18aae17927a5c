"""What runs against what is installed; what an image wants against what the driver has."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from keepwell.checks.release import judge_api, judge_program
from keepwell.core.finding import Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref, engine, node
from keepwell.plugins.bus import load_plugins
from keepwell.plugins.device import KnowsDemands

HERE, ENGINE = node("n"), engine("n", "e")


def seen(*rows: tuple[Ref, str, Value]) -> Seen:
    """These observations."""
    return Seen(Observation(subject=ref, name=name, value=value, at=0.0, source="made") for ref, name, value in rows)


@pytest.mark.parametrize(
    ("exe", "status", "kind"),
    [("/usr/bin/e", Status.OK, "same"), ("/usr/bin/e (deleted)", Status.WARNING, "replaced")],
)
def test_a_program_that_was_replaced_since_it_was_started(exe: str, status: Status, kind: str) -> None:
    (one,) = judge_program(seen((ENGINE, "engine.process", {"exe": exe}), (ENGINE, "engine.version", "1.2")))
    assert (one.status, one.facts["kind"], one.facts["path"]) == (status, kind, "/usr/bin/e")
    assert one.facts["version"] == "1.2"


def test_nothing_is_said_of_a_program_that_cannot_be_seen() -> None:
    assert list(judge_program(seen((ENGINE, "engine.process", {"exe": ""})))) == []


@pytest.mark.parametrize(
    ("wanted", "api", "told"),
    [
        ("13.0", "12.4", (Status.WARNING, "major")),
        ("12.8", "12.4", (Status.OK, "minor")),
        ("12.4", "12.4", (Status.OK, "fits")),
        ("", "12.4", None),
        ("12.4", "", None),
    ],
)
def test_image_and_driver(wanted: str, api: str, told: tuple[Status, str] | None) -> None:
    inside: Mapping[str, Value] = {"container": "c", "drivers": ({"vendor": "V", "wanted_api": wanted},)}
    rows = seen((ENGINE, "engine.container", inside), (HERE, "device.driver", ({"vendor": "V", "api": api},)))
    found = [(one.status, one.facts["kind"]) for one in judge_api(rows)]
    assert found == [told] * bool(told)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"NVIDIA_REQUIRE_CUDA": "cuda>=12.8 brand=unknown,driver>=470", "CUDA_VERSION": "12.9.1"}, "12.8"),
        ({"CUDA_VERSION": "12.9.1"}, "12.9"),
        ({"NVIDIA_REQUIRE_CUDA": "cuda>=12.8", "NVIDIA_DISABLE_REQUIRE": "1"}, ""),
        ({"CUDA_VERSION": "new"}, ""),
        ({}, ""),
    ],
)
def test_what_an_image_wants_stands_in_its_environment(environment: dict[str, str], wanted: str) -> None:
    told = [one.wanted_api(environment) for one in load_plugins().values() if isinstance(one, KnowsDemands)]
    assert told == [wanted]
