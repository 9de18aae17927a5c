"""Jobs with real supervisors and real programs: begun, watched, ended, killed, taken up again."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.app.jobs.asking import list_jobs, resume_job, run_job
from keepwell.app.jobs.ending import stop_job
from keepwell.app.jobs.reading import follow_log, read_log
from keepwell.app.jobs.report import JobLine
from keepwell.app.jobs.wishes import Wish
from keepwell.app.operation import Caller
from keepwell.core.errors import ConfigurationError, NotThere, RefusedError
from keepwell.core.job import JobState
from keepwell.jobs.living import list_marked, send, send_group
from keepwell.jobs.records import load_spec, load_state
from keepwell.jobs.telling import make_mark
from keepwell.testing.waiting import eventually


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    """With a state folder of its own; whatever still runs of it is ended."""
    made = Caller(state=tmp_path)
    yield made
    for one in list_jobs(made).jobs:
        state = load_state(tmp_path / "jobs" / one.name)
        for process in (state.supervisor, state.program):
            if process is not None:
                send_group(process, signal.SIGKILL)


def find(caller: Caller, name: str) -> JobLine:
    """The job of this name as it stands now."""
    return next(one for one in list_jobs(caller).jobs if one.name == name)


def state_of(caller: Caller, name: str) -> JobState:
    """What is kept of it."""
    assert caller.state is not None
    return load_state(caller.state / "jobs" / name)


def mark_of(caller: Caller, name: str) -> str:
    """By what its processes are known."""
    assert caller.state is not None
    return make_mark(load_spec(caller.state / "jobs" / name))


def said(caller: Caller, name: str) -> list[str]:
    """The lines of its log without their times."""
    return [one.partition(" ")[2] for one in read_log(caller, name, 1000).lines]


def kill_supervisor(caller: Caller, name: str) -> None:
    """By SIGKILL, and wait until it is gone."""
    supervisor = state_of(caller, name).supervisor
    assert supervisor is not None
    assert send(supervisor, signal.SIGKILL)
    eventually(lambda: not find(caller, name).runs or find(caller, name).state == "alone")


async def test_a_program_runs_and_ends(caller: Caller, tmp_path: Path) -> None:
    report = await run_job(caller, Wish(command=["sh", "-c", "echo out; echo err >&2; pwd; echo $KEEPWELL_JOB"]))
    assert report.done == "sh began"
    assert report.exit_code == 0
    eventually(lambda: find(caller, "sh").state == "done")
    lines = said(caller, "sh")
    assert lines[1:4] == ["| out", "| err", f"| {os.getcwd()}"]
    assert lines[4].startswith("| sh@")
    assert lines[5:] == ["* run 1 ended: exit code 0", "* ended"]
    assert find(caller, "sh").exit_code == 0


async def test_one_that_fails_starts_again_and_ends(caller: Caller, tmp_path: Path) -> None:
    await run_job(caller, Wish(command=["sh", "-c", "exit 7"], name="bad", restart="on-failure:1"))
    eventually(lambda: find(caller, "bad").state == "failed")
    found = find(caller, "bad")
    assert (found.run, found.exit_code, found.why) == (2, 7, "exit code 7, 2 times")
    report = await run_job(caller, Wish(command=["true"], name="bad"))  # a name that is over may be had again
    assert report.done == "bad began"


async def test_one_that_cannot_start_says_so_at_once(caller: Caller) -> None:
    report = await run_job(caller, Wish(command=["./there-is-none"], restart="on-failure"))
    assert report.exit_code == 2
    assert "No such file or directory" in report.done
    assert report.jobs[0].run == 0


async def test_stop_ends_all_of_its_processes(caller: Caller) -> None:
    await run_job(caller, Wish(command=["sh", "-c", "sleep 60 & sleep 60; true"], name="two"))
    eventually(lambda: find(caller, "two").processes >= 2)
    with pytest.raises(RefusedError, match="runs already"):
        await run_job(caller, Wish(command=["true"], name="two"))
    assert (await resume_job(caller, "two")).done == "two runs already: nothing was to do"
    report = await stop_job(caller, "two")
    assert (report.jobs[0].state, report.jobs[0].left, report.exit_code) == ("stopped", (), 0)
    assert (await stop_job(caller, "two")).done == "two is over already: nothing was to do"
    again = await resume_job(caller, "two")
    assert again.jobs[0].state == "running"
    assert again.jobs[0].run == 2
    await stop_job(caller, "two")


async def test_a_process_that_left_is_named(caller: Caller) -> None:
    words = "import os, signal; os.fork() or (os.setsid(), os.execvp('sleep', ['sleep', '60'])); signal.pause()"
    await run_job(caller, Wish(command=[sys.executable, "-c", words], name="runaway"))
    eventually(lambda: len(list_marked(mark_of(caller, "runaway"))) == 2)
    report = await stop_job(caller, "runaway")
    (left,) = report.jobs[0].left
    assert left.startswith("sleep (pid ")
    assert report.exit_code == 2
    os.kill(int(left.rpartition(" ")[2].rstrip(")")), signal.SIGKILL)


async def test_its_time_and_its_memory_are_bounded(caller: Caller) -> None:
    await run_job(caller, Wish(command=["sleep", "60"], limit="0.3s", restart="on-failure"))
    eat = "import signal; kept = b'x' * 80_000_000; signal.pause()"
    await run_job(caller, Wish(command=[sys.executable, "-c", eat], name="eater", memory="60 MiB"))
    eventually(lambda: find(caller, "sleep").state == "failed")
    assert find(caller, "sleep").why == "time limit of 0.3 s"
    eventually(lambda: find(caller, "eater").state == "failed")
    assert find(caller, "eater").why.startswith("memory limit of 62914560 bytes: it used ")


async def test_a_killed_supervisor_leaves_the_program_and_resume_adopts_it(caller: Caller, tmp_path: Path) -> None:
    go = tmp_path / "go"
    words = f"echo one; while [ ! -e {go} ]; do sleep 0.05; done; seq 1 5000; echo last; exit 5"
    await run_job(caller, Wish(command=["sh", "-c", words], name="long"))
    eventually(lambda: "| one" in said(caller, "long"))
    kill_supervisor(caller, "long")
    alone = find(caller, "long")
    assert alone.state == "alone"
    assert alone.pid
    go.touch()  # it goes on saying things while nobody listens, and ends
    eventually(lambda: find(caller, "long").state in ("lost", "alone"))
    report = await resume_job(caller, "long")
    if report.done == "long began again":  # it had ended: what it said last is lost with it
        assert find(caller, "long").run == 2
        return
    assert report.jobs[0].state in ("running", "failed")
    eventually(lambda: not find(caller, "long").runs)
    assert [one for one in said(caller, "long") if one.startswith("|")][-1] == "| last"


async def test_what_is_said_while_nobody_listens_is_not_lost(caller: Caller, tmp_path: Path) -> None:
    await run_job(caller, Wish(command=["sh", "-c", "for i in 1 2 3; do sleep 0.2; echo $i; done; sleep 60"], name="w"))
    kill_supervisor(caller, "w")
    report = await resume_job(caller, "w")
    assert report.done == "w is watched again, with the program that still ran"
    assert state_of(caller, "w").adopted
    eventually(lambda: "| 3" in said(caller, "w"))
    assert [one for one in said(caller, "w") if one.startswith("|")] == ["| 1", "| 2", "| 3"]
    kill_supervisor(caller, "w")
    stopped = await stop_job(caller, "w")
    assert (stopped.jobs[0].state, stopped.exit_code) == ("stopped", 0)


async def test_the_log_is_followed_to_its_end(caller: Caller, tmp_path: Path) -> None:
    await run_job(caller, Wish(command=["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"], name="f"))
    heard: list[str] = []
    await follow_log(Caller(state=tmp_path, tell=heard.append), "f", 10)
    assert [one.partition(" ")[2] for one in heard][1:] == [
        "| 1",
        "| 2",
        "| 3",
        "* run 1 ended: exit code 0",
        "* ended",
    ]
    assert read_log(caller, "f", 1).left_out
    with pytest.raises(ConfigurationError, match="no JSON"):
        await follow_log(caller, "f", 10)


async def test_what_is_not_there(caller: Caller, tmp_path: Path) -> None:
    assert list_jobs(caller).jobs == ()
    with pytest.raises(NotThere, match="no job"):
        await stop_job(caller, "none")
    with pytest.raises(ConfigurationError, match="cannot be the name"):
        await stop_job(caller, "../x")
    (tmp_path / "jobs" / "torn").mkdir(parents=True)
    assert list_jobs(caller).problems == ()
    (tmp_path / "jobs" / "torn" / "job.json").write_text("{")
    assert "torn cannot be read" in list_jobs(caller).problems[0]
    assert list_jobs(caller).exit_code == 1
