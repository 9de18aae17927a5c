"""Delivery in a process of its own: messages to one address, through whichever notifier takes such addresses.

    python -m keepwell.alerts.letters < order

The order comes on standard input, so that the address, which holds secrets, stands in no list of processes. A service
that hangs costs this process, which is ended after a time, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import msgspec

from keepwell.core.words import clean
from keepwell.plugins import registry
from keepwell.plugins.notifier import Notice, Notifier

#: Seconds for one order: a slow mail server takes ten.
DELIVERY_SECONDS = 30.0
#: Bytes of an order and of what came of it.
ORDER_BYTES = 4 * 1024 * 1024


class Order(msgspec.Struct):
    """Messages for one address."""

    address: str
    notices: tuple[Notice, ...]


async def deliver(address: str, notices: tuple[Notice, ...], seconds: float = DELIVERY_SECONDS) -> tuple[str, ...]:
    """What came of each message: "" where it was taken, else why not. Never longer than this, whatever hangs."""
    order = msgspec.json.encode(Order(address=address, notices=notices))
    command = (sys.executable, "-P", "-m", "keepwell.alerts.letters")
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        said, _ = await asyncio.wait_for(child.communicate(order), seconds)
    except TimeoutError:
        return (f"no answer within {seconds:g} s",) * len(notices)
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return _read_outcome(said, len(notices))


def find_notifier(address: str) -> Notifier:
    """The one that takes addresses that begin so."""
    scheme = address.partition("://")[0].lower()
    known = [one for one in registry.load_all("notify").values() if isinstance(one, Notifier)]
    for notifier in known:
        if scheme in notifier.schemes:
            return notifier
    return next(one for one in known if "*" in one.schemes)


def carry_out(order: Order) -> tuple[str, ...]:
    """Send them in order; what came of each."""
    notifier = find_notifier(order.address)
    return tuple(notifier.send(order.address, one) for one in order.notices)


def _read_outcome(said: bytes, count: int) -> tuple[str, ...]:
    try:
        outcome = msgspec.json.decode(said[:ORDER_BYTES], type=tuple[str, ...])
    except ValueError:
        outcome = ()
    if len(outcome) != count:
        return ("the process that delivers ended without an answer",) * count
    return tuple(clean(one) for one in outcome)


def main() -> None:
    """One order from standard input; what came of it on standard output, where nothing else is written."""
    answer = os.dup(1)
    os.dup2(2, 1)
    order = msgspec.json.decode(sys.stdin.buffer.read(ORDER_BYTES), type=Order)
    with os.fdopen(answer, "wb") as out:
        out.write(msgspec.json.encode(carry_out(order)))


if __name__ == "__main__":
    main()
