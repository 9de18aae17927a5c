"""engine.*: is it there, does it answer, can it serve, do its runners live?"""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.observation import Value, absent, failed
from keepwell.testing.clock import START
from tests.checks.judging import PROCESS, REF, SUPERVISOR, engine_seen, findings, of_engine, only, status
from tests.machines import about

GONE = absent("nothing serves")


def test_a_healthy_engine_has_no_fault() -> None:
    seen = engine_seen(engine_runners=())
    for check in ("engine.running", "engine.responding", "engine.healthy", "engine.runner"):
        assert status(check, *seen) is Status.OK, check


def test_every_finding_carries_what_a_fix_needs() -> None:
    found = only("engine.running", *engine_seen())
    assert found.subject == REF
    assert found.facts == {
        "engine": "Made",
        "url": "http://127.0.0.1:7000",
        "supervisor": "process",
        "pid": "700",
        "start": "env 'A=1 2' made serve",
    }


@pytest.mark.parametrize(
    ("supervisor", "log", "kind"),
    [
        ({}, {}, "stopped"),
        ({}, {"last_error": "panic: it broke"}, "failed-to-start"),
        ({"state": "failed", "result": "exit-code", "exit_code": 1}, {}, "failed-to-start"),
        ({"state": "failed", "result": "signal", "exit_code": 9}, {"last_error": "error"}, "crashed"),
        ({"state": "exited", "exit_code": 139}, {}, "crashed"),
        ({"state": "exited", "exit_code": 137, "oom_killed": True}, {}, "crashed"),
    ],
)
def test_an_engine_that_is_gone_tells_how_it_went(
    supervisor: dict[str, Value], log: dict[str, Value], kind: str
) -> None:
    seen = engine_seen(
        engine_process=GONE, engine_health=GONE, engine_supervisor={**SUPERVISOR, **supervisor}, engine_log=log
    )
    found = only("engine.running", *seen)
    assert (found.status, found.facts["kind"]) == (Status.CRITICAL, kind)


def test_another_program_at_its_port_is_told() -> None:
    sockets = about("host.sockets", ({"address": "0.0.0.0", "port": 7000, "pid": 9},))
    found = only("engine.running", sockets, *engine_seen(engine_process=GONE, engine_health=GONE))
    assert found.facts["kind"] == "port-held"


def test_a_process_that_may_not_be_seen_is_unknown_unless_it_answers() -> None:
    hidden = failed("hidden from this user")
    assert status("engine.running", *engine_seen(engine_process=hidden)) is Status.OK
    silent = engine_seen(engine_process=hidden, engine_health=failed("no"))
    assert status("engine.running", *silent) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("health", "process", "listening", "expected"),
    [
        ("silent", {"state": "T"}, ("127.0.0.1:7000",), Status.CRITICAL),
        ("silent", {}, ("127.0.0.1:7000",), Status.CRITICAL),
        ("refused", {"started_at": START - 5.0}, (), Status.UNKNOWN),
        ("refused", {"started_at": START - 5000.0}, (), Status.CRITICAL),
        ("refused", {"started_at": START - 5000.0}, ("127.0.0.1:7001",), Status.UNKNOWN),
        ("refused", {"started_at": START - 5000.0}, ("0.0.0.0:7000",), Status.CRITICAL),
    ],
)
def test_silence_is_judged_by_state_age_and_address(
    health: str, process: dict[str, Value], listening: tuple[str, ...], expected: Status
) -> None:
    seen = engine_seen(
        engine_health={"state": health}, engine_process={**PROCESS, **process}, engine_listening=listening
    )
    assert status("engine.responding", *seen) is expected


@pytest.mark.parametrize(
    ("state", "age", "expected"),
    [
        ("failing", 10.0, Status.CRITICAL),
        ("asleep", 10.0, Status.WARNING),
        ("loading", 10.0, Status.OK),
        ("loading", 5000.0, Status.WARNING),
    ],
)
def test_an_answer_is_not_yet_health(state: str, age: float, expected: Status) -> None:
    seen = engine_seen(
        engine_health={"state": state, "said": "x"}, engine_process={**PROCESS, "started_at": START - age}
    )
    assert status("engine.healthy", *seen) is expected


def test_a_runner_that_stands_still_or_is_gone_is_told() -> None:
    loaded = ({"name": "tiny", "in_child": True},)
    stopped = engine_seen(engine_loaded=loaded, engine_runners=({"pid": 8, "state": "T", "model": "tiny"},))
    gone = engine_seen(engine_loaded=loaded, engine_runners=())
    well = engine_seen(engine_loaded=loaded, engine_runners=({"pid": 8, "state": "S", "model": "tiny"},))
    assert only("engine.runner", *stopped).facts["kind"] == "stopped"
    assert only("engine.runner", *gone).facts["kind"] == "died"
    assert status("engine.runner", *well) is Status.OK
    failed = engine_seen(engine_loaded=(), engine_runners=(), engine_models=({"name": "tiny", "status": "failed"},))
    told = only("engine.runner", *failed).facts
    assert (told["kind"], told["model"]) == ("failed", "tiny")
    assert findings("engine.runner", *engine_seen(engine_runners=absent("runs its model itself"))) == []


def test_without_any_engine_nothing_is_said() -> None:
    for check in ("engine.running", "engine.responding", "engine.healthy", "engine.runner"):
        assert findings(check) == []
    assert findings("engine.healthy", of_engine("engine.health", failed("no"))) == []
