"""Processes are never taken for those that had their number before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.jobs.living import (
    MARK_VARIABLE,
    add_up,
    identify,
    is_living,
    list_group,
    list_marked,
    parse_living,
    send,
    send_group,
)
from keepwell.testing.waiting import eventually


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A program that sleeps, in a session of its own."""
    environment = {**os.environ, MARK_VARIABLE: "sleeper@1"}
    child = subprocess.Popen(["sleep", "60"], start_new_session=True, env=environment)
    yield child
    child.kill()
    child.wait()


def test_own_numbers() -> None:
    own = identify(os.getpid())
    assert own is not None
    assert is_living(own)
    assert add_up(list_group(replace(own, pid=os.getsid(0)))).memory_bytes >= 0


def test_another_start_or_boot_is_another_process(sleeper: subprocess.Popen[bytes]) -> None:
    one = identify(sleeper.pid)
    assert one is not None
    for other in (replace(one, started=one.started - 1), replace(one, boot="another")):
        assert not is_living(other)
        assert list_group(other) == []
        assert not send(other, signal.SIGKILL)
        send_group(other, signal.SIGKILL)
    assert sleeper.poll() is None
    assert [found.pid for found in list_group(one)] == [sleeper.pid]
    eventually(lambda: [found.pid for found in list_marked("sleeper@1")] == [sleeper.pid])


def test_what_is_left_of_a_process_is_not_living(sleeper: subprocess.Popen[bytes]) -> None:
    one = identify(sleeper.pid)
    assert one is not None
    assert send(one, signal.SIGKILL)
    eventually(lambda: not is_living(one))  # not waited for yet: a zombie
    assert identify(sleeper.pid) is None
    assert not is_living(None)


def test_a_session_outlives_its_leader() -> None:
    words = "import os, sys; os.fork() or os.execvp('sleep', ['sleep', '60'])"
    child = subprocess.Popen([sys.executable, "-c", words], start_new_session=True)
    leader = identify(child.pid)
    assert leader is not None
    child.wait()
    assert list_group(leader)
    send_group(leader, signal.SIGKILL)
    eventually(lambda: not list_group(leader))


@given(st.binary(max_size=200))
def test_anything_else_is_refused(content: bytes) -> None:
    try:
        found = parse_living(content)
    except ValueError:
        return
    assert isinstance(found.started, int)


def test_a_name_with_brackets() -> None:
    line = b"7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 0 0 250 50 0 0 20 0 1 0 12345 1000 25 " + b"0 " * 20
    found = parse_living(line)
    assert (found.pid, found.name, found.state, found.parent, found.session) == (7, "a) b (c)", "S", 1, 7)
    assert (found.started, found.cpu_seconds) == (12345, 3.0)
    assert found.memory_bytes == 25 * os.sysconf("SC_PAGE_SIZE")
