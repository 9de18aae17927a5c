"""host.processes: one pass over /proc, and `ps` where there is none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.core.ref import node
from keepwell.core.values import rows_of, text_of
from keepwell.plugins.place import Place
from keepwell.probes.processes import PROBE, PS, parse_elapsed, parse_ps, parse_users
from keepwell.testing.clock import START, FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.tape import Refusal, TapeFile
from tests.machines import Machine


async def test_a_process_is_told_with_its_user_start_and_folder() -> None:
    machine = Machine()
    machine.process(
        700, ("/usr/local/bin/ollama", "serve"), uid=997, gid=996, state="T", cwd="/usr/share/ollama", age=60
    )
    (seen,) = await PROBE.observe(machine.place())
    row = rows_of(seen.value)[1]
    assert (row["pid"], row["parent_pid"], row["user"], row["uid"]) == (700, 1, "ollama", 997)
    assert row["argv"] == ("/usr/local/bin/ollama", "serve")
    assert (row["state"], row["exe"], row["cwd"]) == ("T", "/usr/local/bin/ollama", "/usr/share/ollama")
    assert row["started_at"] == pytest.approx(START - 60, abs=0.02)


async def test_kernel_threads_and_processes_that_end_meanwhile_are_left_out() -> None:
    machine = Machine()
    machine.process(2, ("kthreadd",), parent=0)
    machine.files.put("/proc/2/cmdline", b"")
    machine.process(900, ("gone",))
    machine.files.remove("/proc/900/stat")
    (seen,) = await PROBE.observe(machine.place())
    assert [row["pid"] for row in rows_of(seen.value)] == [1]


async def test_a_zombie_is_kept_under_its_name() -> None:
    machine = Machine()
    machine.process(50, ("runner",), state="Z")
    machine.files.put("/proc/50/cmdline", b"")
    (seen,) = await PROBE.observe(machine.place())
    assert rows_of(seen.value)[1]["argv"] == ("runner",)


async def test_a_secret_on_a_command_line_is_masked() -> None:
    machine = Machine()
    machine.process(60, ("llama-server", "--api-key", "abcdefgh12345678"))
    (seen,) = await PROBE.observe(machine.place())
    assert "abcdefgh" not in str(seen.value)


async def test_where_proc_is_closed_the_reason_is_told() -> None:
    machine = Machine()
    machine.files.put("/proc", TapeFile(kind="directory", unreadable=Refusal(kind="NotPermitted", what="no")))
    (seen,) = await PROBE.observe(machine.place())
    assert isinstance(seen.value, Missing)
    assert seen.value.kind == "failed"


async def test_macos_is_read_by_ps() -> None:
    mac = RecordedNode()
    lines = (
        "    1     0     0 root             Ss   04-02:11:09 /sbin/launchd\n"
        "  512     1   501 mia              S       01:02:03 /Applications/Ollama.app/Contents/Resources/ollama serve\n"
    )
    mac.answer(PS, lines)
    place = Place(node=node("mac"), transport=mac, clock=FakeClock())
    (seen,) = await PROBE.observe(place)
    rows = rows_of(seen.value)
    assert [row["pid"] for row in rows] == [1, 512]
    assert rows[1]["argv"] == ("/Applications/Ollama.app/Contents/Resources/ollama", "serve")
    assert rows[1]["started_at"] == START - 3723


async def test_this_machine_shows_this_process() -> None:
    transport = LocalTransport()
    try:
        (seen,) = await PROBE.observe(Place(node=node("here"), transport=transport, clock=SystemClock()))
    finally:
        await transport.close()
    own = [row for row in rows_of(seen.value) if row["pid"] == os.getpid()]
    assert own
    assert text_of(own[0], "cwd") == os.getcwd()


async def test_a_real_child_is_told_as_stopped() -> None:
    transport = LocalTransport()
    child = subprocess.Popen([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"])
    try:
        os.waitpid(child.pid, os.WUNTRACED)
        (seen,) = await PROBE.observe(Place(node=node("here"), transport=transport, clock=SystemClock()))
        states = [text_of(row, "state") for row in rows_of(seen.value) if row["pid"] == child.pid]
    finally:
        child.kill()
        child.wait()
        await transport.close()
    assert states == ["T"]


@given(days=st.integers(0, 400), seconds=st.integers(0, 86_399))
def test_an_age_is_read_in_every_form(days: int, seconds: int) -> None:
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    assert parse_elapsed(f"{days:02d}-{clock}") == days * 86_400 + seconds
    assert parse_elapsed(clock) == seconds


@pytest.mark.parametrize("text", ["", "12", "1:2:3:4", "x-01:02", "a:b", "-"])
def test_what_is_no_age_is_none(text: str) -> None:
    assert parse_elapsed(text) is None


@given(st.text())
def test_any_text_reads_as_ps_without_an_error(text: str) -> None:
    assert isinstance(parse_ps(text, 0.0), tuple)


@given(st.binary())
def test_any_bytes_read_as_users_without_an_error(content: bytes) -> None:
    assert all(uid >= 0 for uid in parse_users(content))
