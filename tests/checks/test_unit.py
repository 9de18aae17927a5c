"""unit.* and container.*: what runs engines."""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.observation import Value, absent
from tests.checks.judging import findings, only, status
from tests.machines import about

UNIT: dict[str, Value] = {"unit": "made.service", "active": "active", "sub": "running", "enabled": "enabled"}
BOX: dict[str, Value] = {"name": "llm", "engine": "made", "state": "running", "exit_code": 0, "gpus": "all"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Status.OK),
        ({"active": "failed", "sub": "failed", "result": "exit-code", "exit_code": 1}, Status.CRITICAL),
        ({"active": "activating", "sub": "auto-restart"}, Status.CRITICAL),
        ({"active": "inactive", "sub": "dead"}, Status.WARNING),
        ({"active": "inactive", "sub": "dead", "enabled": "disabled"}, Status.OK),
    ],
)
def test_a_unit_is_judged_by_its_state(more: dict[str, Value], expected: Status) -> None:
    found = only("unit.active", about("host.units", ({**UNIT, **more},)))
    assert found.status is expected
    assert found.facts["unit"] == "made.service"


def test_changed_files_wait_for_a_reload() -> None:
    assert status("unit.reload", about("host.units", ({**UNIT, "need_reload": False},))) is Status.OK
    assert status("unit.reload", about("host.units", ({**UNIT, "need_reload": True},))) is Status.WARNING


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Status.OK),
        ({"state": "exited", "exit_code": 0}, Status.OK),
        ({"state": "exited", "exit_code": 137}, Status.OK),
        ({"state": "exited", "exit_code": 1}, Status.CRITICAL),
        ({"state": "exited", "exit_code": 137, "oom_killed": True}, Status.CRITICAL),
        ({"state": "restarting", "exit_code": 1, "restarts": 5}, Status.CRITICAL),
    ],
)
def test_a_container_is_judged_by_its_state(more: dict[str, Value], expected: Status) -> None:
    found = only("container.running", about("host.containers", ({**BOX, **more},)))
    assert found.status is expected
    assert found.facts["container"] == "llm"


def test_a_container_without_the_gpu_of_its_node_is_told() -> None:
    gpu = about("device.list", ({"pci": "0000:01:00.0"},))
    boxes = about("host.containers", ({**BOX, "gpus": "none"},))
    assert status("container.gpu", gpu, boxes) is Status.WARNING
    assert status("container.gpu", gpu, about("host.containers", (BOX,))) is Status.OK
    assert findings("container.gpu", boxes) == []


def test_other_containers_and_no_manager_are_none_of_our_business() -> None:
    assert findings("container.running", about("host.containers", ({**BOX, "engine": "", "exit_code": 1},))) == []
    assert findings("unit.active", about("host.units", absent("no systemd"))) == []
