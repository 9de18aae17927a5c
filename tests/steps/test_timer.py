"""Timers: two units and a link, exact both ways; what the real systemd says of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Seen
from keepwell.core.step import RunCommand
from keepwell.steps.timer import STEP, UNITS, WANTED
from keepwell.testing.fake_timers import FakeTimers, analyze
from keepwell.testing.rooted import RootedNode
from tests.engines.real import skip
from tests.steps.keeping import find_drift, make, prove

WISH = {"name": "pull-models", "command": ("/usr/bin/ollama-pull", "a b", "50%", "$HOME"), "at": "daily", "user": "bin"}


def make_node(tmp_path: Path) -> RootedNode:
    (tmp_path / "etc" / "systemd" / "system").mkdir(parents=True)
    return RootedNode(tmp_path, programs={"systemctl": FakeTimers(), "systemd-analyze": analyze})


async def test_a_timer_is_made_enabled_started_and_taken_back(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    drift = await prove(STEP, WISH, node)
    assert drift.before == "(nothing)"
    assert drift.after == "/usr/bin/ollama-pull 'a b' 50% '$HOME' at daily, up to 900 s later as bin"
    assert os.readlink(node.at(f"{WANTED}/pull-models.timer")) == f"{UNITS}/pull-models.timer"
    service = Path(node.at(f"{UNITS}/pull-models.service")).read_text()
    assert 'ExecStart=/usr/bin/ollama-pull "a b" 50%% "$$HOME"\n' in service
    timer = Path(node.at(f"{UNITS}/pull-models.timer")).read_text()
    assert "OnCalendar=daily\nPersistent=true\nRandomizedDelaySec=900\nFixedRandomDelay=true\n" in timer


async def test_other_times_are_read_again_without_a_start(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    await make(await find_drift(STEP, WISH, node), node)
    drift = await find_drift(STEP, {**WISH, "at": "weekly"}, node)
    assert [one.what for one in drift.changes] == ["/etc/systemd/system/pull-models.timer"]
    assert drift.activate == (RunCommand(argv=("systemctl", "daemon-reload")),)
    assert drift.before.endswith("at daily, up to 900 s later as bin")


async def test_a_timer_that_somebody_stopped_is_started_and_nothing_else(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    await make(await find_drift(STEP, WISH, node), node)
    await node.run(("systemctl", "stop", "pull-models.timer"))
    drift = await find_drift(STEP, WISH, node)
    assert [one.do for one in drift.changes] == [RunCommand(argv=("systemctl", "start", "pull-models.timer"))]
    assert "not waiting" in drift.before


async def test_a_delay_is_always_there(tmp_path: Path) -> None:
    wish = {"name": "often", "command": ("true",), "every": 60.0}
    drift = await find_drift(STEP, wish, make_node(tmp_path))
    assert drift.after == "true every 60 s, up to 6 s later"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"at": "never"}, "does not understand the times 'never'"),
        ({"every": 5.0}, "either"),
        ({"command": ("-x",)}, "the program must be"),
        ({"command": ()}, "no command"),
    ],
)
async def test_what_systemd_would_not_take_is_told(tmp_path: Path, more: dict[str, object], said: str) -> None:
    drift = await find_drift(STEP, {**WISH, **more}, make_node(tmp_path))
    assert said in drift.problem
    assert not drift.changes


async def test_another_node_gets_the_same(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    await make(await find_drift(STEP, WISH, node), node)
    looked = await look([partial(STEP.needs, {"name": "pull-models"})], node)
    assert STEP.copy({"name": "pull-models"}, looked) == {**WISH, "randomized_delay": 900.0, "persistent": True}
    Path(node.at(f"{UNITS}/pull-models.service")).write_text("[Service]\nExecStart=/bin/x\nNice=5\n")
    looked = await look([partial(STEP.needs, {"name": "pull-models"})], node)
    assert isinstance(STEP.copy({"name": "pull-models"}, looked), Missing)
    assert isinstance(STEP.copy({"name": "none"}, looked), Missing)
    assert STEP.propose(Seen(), "made") == ()


async def test_a_secret_in_a_command_is_not_told(tmp_path: Path) -> None:
    wish = {**WISH, "command": ("/bin/pull", "--token", "swordfish")}
    drift = await find_drift(STEP, wish, make_node(tmp_path))
    assert "swordfish" not in f"{drift.after} {[(one.before, one.after) for one in drift.changes]}"


async def test_without_systemd_nothing_is_told(tmp_path: Path) -> None:
    looked = await look([partial(STEP.needs, WISH)], RootedNode(tmp_path))
    assert isinstance(STEP.compare(WISH, looked), Missing)


async def test_the_real_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        skip("there is no systemd-analyze")
    node = make_node(tmp_path)
    wish = {**WISH, "command": ("/bin/echo", "a b", '"', ";", "50%n", "$HOME", "back\\slash", "")}
    await make(await find_drift(STEP, wish, node), node)
    units = [node.at(f"{UNITS}/pull-models.{kind}") for kind in ("service", "timer")]
    ran = subprocess.run([program, "verify", *units], capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in ran.stderr.splitlines() if "pull-models" in line]
    assert (ran.returncode, said) == (0, [])
    calendar = subprocess.run([program, "calendar", "daily"], capture_output=True, timeout=60, check=False)
    assert calendar.returncode == 0
