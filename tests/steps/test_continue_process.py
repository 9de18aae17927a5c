"""A real process that is stopped, and goes on; a pid that is another's by now is left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.core.errors import RefusedError
from keepwell.core.step import Plan, SetRunning
from keepwell.formats.procfs import parse_process_stat
from keepwell.testing.waiting import eventually
from tests.conform.kit import work
from tests.steps.kit import finding, plan_of, seeing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


@pytest.fixture
def stopped() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands still."""
    with subprocess.Popen(["sleep", "60"]) as made:
        made.send_signal(signal.SIGSTOP)
        eventually(lambda: state(made.pid) == "T")
        yield made
        made.kill()


def state(pid: int) -> str:
    return parse_process_stat(Path(f"/proc/{pid}/stat").read_text()).state


async def plan(check: str, **facts: object) -> Plan | None:
    return await plan_of(
        "continue_process", finding(check, **{name: str(one) for name, one in facts.items()}), seeing()
    )


@pytest.mark.parametrize("check", ["engine.responding", "engine.runner"])
async def test_it_goes_on_and_is_stopped_again(stopped: subprocess.Popen[bytes], check: str, tmp_path: Path) -> None:
    facts = {"engine.responding": {"state": "T", "pid": stopped.pid}, "engine.runner": {"kind": "stopped"}}[check]
    planned = await plan(check, **facts, runner_pid=stopped.pid)
    assert planned is not None
    assert [(one.before, one.after) for one in planned.changes] == [("stopped", "running")]
    assert await work(planned, tmp_path) == "well"
    eventually(lambda: state(stopped.pid) == "S")
    assert await work(planned, tmp_path, back=True) == "undone"
    eventually(lambda: state(stopped.pid) == "T")


async def test_one_that_runs_needs_nothing(stopped: subprocess.Popen[bytes]) -> None:
    stopped.send_signal(signal.SIGCONT)
    eventually(lambda: state(stopped.pid) == "S")
    planned = await plan("engine.responding", state="T", pid=stopped.pid)
    assert planned is not None
    assert planned.changes == ()


@pytest.mark.parametrize("facts", [{"state": "S", "pid": "1"}, {"state": "T"}, {"state": "T", "pid": "x"}])
async def test_what_is_no_stopped_process_cannot_be_planned(facts: dict[str, str]) -> None:
    assert await plan("engine.responding", **facts) is None


async def test_a_pid_that_is_another_processs_is_not_touched(stopped: subprocess.Popen[bytes], tmp_path: Path) -> None:
    planned = await plan("engine.responding", state="T", pid=stopped.pid)
    assert planned is not None
    (change,) = planned.changes
    assert isinstance(change.do, SetRunning)
    stopped.kill()
    stopped.wait()
    with pytest.raises(RefusedError, match="not as it was"):
        await work(planned, tmp_path)
