"""Jobs that wait for a device, with real supervisors: without a gateway, and at the end of their hours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.jobs.asking import list_jobs, resume_job, run_job
from keepwell.app.jobs.ending import stop_job
from keepwell.app.jobs.report import JobLine
from keepwell.app.jobs.wishes import Wish
from keepwell.app.operation import Caller
from keepwell.core.errors import ConfigurationError
from keepwell.core.hours import Hours
from keepwell.core.job import JobState
from keepwell.core.observation import Missing
from keepwell.jobs.living import send, send_group
from keepwell.jobs.records import load_spec, load_state
from keepwell.jobs.telling import make_mark
from keepwell.store.device_uses import DeviceUse, save_uses
from keepwell.testing.waiting import eventually
from keepwell.transport.local import local_name
from keepwell.turns.book import load_book, load_rules, save_rules

CONFIG = '[[device]]\nname = "0"\nmemory = "24 GiB"\n'
#: Transcribes a folder of audio by a program that takes its time, item by item.
SCRIPT = """
import subprocess, sys
from pathlib import Path
from keepwell import checkpoint

for item in checkpoint(sorted(Path("audio").glob("*.wav")), "transcripts.jsonl", device="0"):
    with item:
        subprocess.run([sys.executable, "whisper.py", str(item.value)], check=True)
        item.done(item.value.with_suffix(".txt").read_text())
"""
#: Stands in for Whisper: takes time and writes a text beside the audio.
WHISPER = """
import sys, threading
from pathlib import Path

threading.Event().wait(0.3)
audio = Path(sys.argv[1])
audio.with_suffix(".txt").write_text(f"the words of {audio.name}")
"""


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    """With a state folder and a keepwell.toml of its own; whatever still runs of it is ended."""
    (tmp_path / "keepwell.toml").write_text(CONFIG)
    made = Caller(state=tmp_path / "state", config=tmp_path / "keepwell.toml")
    yield made
    for one in list_jobs(made).jobs:
        state = state_of(made, one.name)
        for process in (state.supervisor, state.program):
            if process is not None:
                send_group(process, signal.SIGKILL)


def find(caller: Caller, name: str) -> JobLine:
    """The job of this name as it stands now."""
    return next(one for one in list_jobs(caller).jobs if one.name == name)


def folder_of(caller: Caller, name: str) -> Path:
    """Where it is kept."""
    assert caller.state is not None
    return caller.state / "jobs" / name


def state_of(caller: Caller, name: str) -> JobState:
    """What is kept of it."""
    return load_state(folder_of(caller, name))


def wish(name: str, *command: str, **more: str) -> Wish:
    """A job that wants the device."""
    return Wish(command=command, name=name, device="0", **more)


async def test_they_have_it_one_after_the_other(caller: Caller, tmp_path: Path) -> None:
    go = tmp_path / "go"
    await run_job(caller, wish("one", "sh", "-c", f"while [ ! -e {go} ]; do sleep 0.05; done"))
    report = await run_job(caller, wish("two", "sh", "-c", "echo $KEEPWELL_DEVICE"))
    assert report.done == "two is in line"
    assert report.jobs[0].why == "waiting for device time, 1 before it: one has it"
    third = await run_job(caller, replace(wish("three", "true"), device="0:8 GiB"))
    assert (third.jobs[0].state, third.jobs[0].run) == ("queued", 0)
    assert (await stop_job(caller, "three")).jobs[0].state == "stopped"
    go.touch()
    eventually(lambda: find(caller, "two").state == "done", 20)
    assert f"| {local_name()}/0" in (folder_of(caller, "two") / "log").read_text()
    assert caller.state is not None
    eventually(lambda: caller.state is not None and load_book(caller.state).turns == ())
    line = find(caller, "two")
    assert isinstance(line.device_memory_bytes, Missing)
    assert line.device_memory_bytes.reason == "no gateway looked at it while it had the device"
    use = DeviceUse(at=1.0, memory_bytes=5, peak_memory_bytes=9, busy_seconds=2.5)
    save_uses(caller.state, {make_mark(load_spec(folder_of(caller, "two"))): use})
    assert find(caller, "two").device_peak_memory_bytes == 9


async def test_what_can_never_be_had_fails_at_once_and_says_why(caller: Caller) -> None:
    report = await run_job(caller, replace(wish("far", "true"), device="gpu77/3"))
    assert report.exit_code == 2
    assert "no device 'gpu77/3' is known; known: " in report.done
    report = await run_job(caller, replace(wish("large", "true"), device="0:80 GiB"))
    assert report.done.endswith("has 24 GiB")
    for word in ("a b", "0:", "0:much", ":8 GiB"):
        with pytest.raises(ConfigurationError, match=f"--device {word} is not understood"):
            await run_job(caller, replace(wish("x", "true"), device=word))


@pytest.mark.parametrize(
    ("restart", "ends"), [pytest.param("no", "failed", marks=pytest.mark.long), ("on-failure", "queued")]
)
async def test_the_end_of_its_hours(caller: Caller, restart: str, ends: str) -> None:
    state = caller.state
    assert state is not None
    now = f"{time.localtime().tm_hour:02}:{time.localtime().tm_min:02}"
    assert caller.config is not None
    hours = f'[[window]]\ndevice = "{local_name()}/0"\nfor = "night"\nfrom = "00:00"\nto = "00:00"\ngrace = "0s"\n'
    caller.config.write_text(CONFIG + hours)
    await run_job(caller, wish("night", "sleep", "60", restart=restart))
    assert find(caller, "night").state == "running"
    rules = load_rules(state)
    (window,) = rules.windows
    assert window.grace_seconds == 0.0
    tomorrow = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(time.localtime().tm_wday + 2) % 7]
    save_rules(state, replace(rules, windows=(replace(window, hours=Hours(now, now, (tomorrow,))),)))
    eventually(lambda: find(caller, "night").state == ends, 30)
    log = (folder_of(caller, "night") / "log").read_text()
    assert "told to end (SIGTERM): its time on" in log
    if ends == "queued":
        assert f"its time begins at {now}" in find(caller, "night").why
        save_rules(state, rules)
        eventually(lambda: find(caller, "night").state == "running", 20)
        assert find(caller, "night").run == 2
        await stop_job(caller, "night")
    assert load_book(state).turns == ()


async def test_a_killed_supervisor_does_not_give_it_away_while_the_program_lives(caller: Caller) -> None:
    assert caller.state is not None
    await run_job(caller, wish("long", "sleep", "60"))
    state = state_of(caller, "long")
    assert state.supervisor is not None

    (turn,) = load_book(caller.state).turns
    assert turn.wish.process == state.program
    assert send(state.supervisor, signal.SIGKILL)
    eventually(lambda: find(caller, "long").state == "alone")
    await run_job(caller, wish("next", "true"))
    assert find(caller, "next").why == "waiting for device time, 1 before it: long has it"
    report = await resume_job(caller, "long")
    assert report.done == "long is watched again, with the program that still ran"
    await stop_job(caller, "long")
    eventually(lambda: find(caller, "next").state == "done", 20)


async def test_a_folder_of_audio_lets_others_in_between_its_items(caller: Caller, tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    for number in range(4):
        (audio / f"{number}.wav").write_bytes(b"RIFF")
    (tmp_path / "whisper.py").write_text(WHISPER)
    (tmp_path / "transcribe.py").write_text(SCRIPT)
    env = {**os.environ, "KEEPWELL_STATE": str(caller.state)}
    argv = [sys.executable, "transcribe.py"]
    killed = subprocess.Popen(argv, cwd=tmp_path, env=env, stderr=subprocess.PIPE)
    out = tmp_path / "transcripts.jsonl"
    eventually(lambda: out.exists() and out.read_text(), 20, "an item")
    killed.kill()
    killed.communicate()
    before = len(out.read_text().splitlines())
    program = subprocess.Popen(argv, cwd=tmp_path, env=env, stderr=subprocess.PIPE)
    eventually(lambda: len(out.read_text().splitlines()) > before, 60, "it goes on where it was")
    await run_job(caller, wish("between", "true"))
    eventually(lambda: find(caller, "between").state == "done", 20)
    said = program.communicate(timeout=60)[1].decode()
    rows = [json.loads(one) for one in out.read_text().splitlines()]
    assert [row["result"] for row in rows] == [f"the words of {number}.wav" for number in range(4)]
    assert program.returncode == 0, said
