"""Stamps of the kernel tell when bytes came, however late they are read."""

from __future__ import annotations

import socket
import struct
import sys
from time import monotonic, time_ns

import pytest

from keepwell.bench.stamps import SPACE, Stamps, ask_for_stamps
from tests.bench.servers import let_pass

NANO = 1_000_000_000
OPTION = 35


def told(at_ns: int) -> list[tuple[int, int, bytes]]:
    """As a read tells a stamp."""
    return [(socket.SOL_SOCKET, OPTION, struct.pack("@ll", *divmod(at_ns, NANO)))]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what comes")
def test_a_late_read_tells_no_later_time() -> None:
    stamps = Stamps()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as here:
        assert ask_for_stamps(here)
        there, _ = listening.accept()
        with there:
            there.send(b"first, while the kernel may not stamp yet")
            here.recv(100)
            let_pass(0.05)
            stamps.renew(monotonic())
            before = monotonic()
            there.send(b"x")
            after = monotonic()
            let_pass(0.02)
            _, ancillary, _, _ = here.recvmsg(10, SPACE)
            now = monotonic()
    at = stamps.find(ancillary, 0.0, now)
    assert before - 1e-4 <= at <= now - 0.02 + (after - before) + 1e-4


def test_a_stamp_is_an_instant_of_the_monotonic_clock() -> None:
    stamps = Stamps()
    now = monotonic()
    stamps.renew(now)
    assert stamps.find(told(time_ns() - NANO), 0.0, now) == pytest.approx(now - 1, abs=0.05)


@pytest.mark.parametrize("off", [-5 * NANO, 3600 * NANO])
def test_a_clock_that_was_set_meanwhile_tells_nothing(off: int) -> None:
    stamps = Stamps()
    now = monotonic()
    stamps.renew(now)
    assert stamps.find(told(time_ns() + off), now - 1, now) == now


def test_a_read_without_a_stamp_is_of_now() -> None:
    assert Stamps().find([], 1.0, 2.0) == 2.0
    assert Stamps().find([(1, 2, b"other")], 1.0, 2.0) == 2.0
