"""Measures one stretch of load: what is sent to whom, in; a result, out.

Made for one process and one core: the loop should be uvloop's (see `run`), and do nothing else meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from math import ceil
from time import monotonic, process_time, time
from typing import Any, TypeVar

from keepwell.bench.cold import mark_cold
from keepwell.bench.doors import find_place
from keepwell.bench.load import Aim, Load, Prompt
from keepwell.bench.result import Result, TokenSource
from keepwell.bench.sending import Sender, Terms
from keepwell.bench.strain import judge_client
from keepwell.bench.tally import Progress, Tally
from keepwell.bench.turns import Turns
from keepwell.core.errors import Unreachable
from keepwell.core.secret import mask_text

#: Connections that are opened before a load of a known rate begins: those that answers of so many seconds would need,
#: and at most so many. Others are opened when they are needed.
AHEAD_SECONDS, AHEAD = 0.4, 1280
#: Seconds from the last connection to the first request: everything is to be still by then.
STILL_SECONDS = 0.02
#: Seconds between two reports of how far it is.
SEEN_SECONDS = 0.5
#: Open files that are enough for every load.
_FILES = 65_536

T = TypeVar("T")


async def measure(
    aim: Aim,
    load: Load,
    prompts: Iterable[Prompt],
    *,
    id: str,
    terms: Terms | None = None,
    seen: Callable[[Progress], None] | None = None,
    follow: Callable[[Prompt, bytes], Prompt | None] | None = None,
) -> Result:
    """Send a load and measure it. Ctrl-C ends it early, with what was measured so far (`stopped`).

    `seen` is told twice a second how far it is; the time it takes is the client's own delay. `follow` makes the next
    turn of a prompt and its answer's body. Raises ConfigurationError for an address or load that is none, Unreachable
    where not one connection could be opened.
    """
    terms = terms or Terms()
    place = find_place(aim)
    tally = Tally(load.seed, warm=load.warm)
    raise_open_files()
    sender = Sender(load, Turns(prompts, follow), place, terms, tally)
    created_at = time()
    opened = False
    try:
        opened = await sender.open(_count_ahead(load))
    finally:
        if not opened:
            await sender.doors.close()
    if not opened:
        raise Unreachable(f"no connection: {sender.refused}", where=mask_text(aim.url))
    with _few_collections(), _stopping(sender.stop):
        used, begun = process_time(), monotonic() + STILL_SECONDS
        sender.begin(begun, _Telling(sender, seen).tell)
        try:
            await sender.done
        finally:
            used, seconds = process_time() - used, monotonic() - begun
            await sender.close()
    for rows in tally.early.values():
        mark_cold(tally.rows, rows)
    return Result(
        id=id,
        created_at=created_at,
        aim=aim,
        load=load,
        seconds=seconds,
        rows=tally.rows,
        itl=tally.gaps.kept,
        client=judge_client(tally, used, seconds, sender.limited),
        errors=tally.errors,
        token_source=_name_source(tally),
        stopped=sender.stopped,
    )


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run it in a loop of its own, uvloop's where it is there."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def raise_open_files() -> None:
    """Let this process have as many open files as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = min(_FILES, hard)
    if hard == resource.RLIM_INFINITY:
        wished = _FILES
    if soft != resource.RLIM_INFINITY and soft < wished:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))


class _Telling:
    """Tells how far it is, twice a second."""

    def __init__(self, sender: Sender, seen: Callable[[Progress], None] | None) -> None:
        self._sender, self._seen = sender, seen
        self._next = 0.0

    def tell(self, now: float) -> None:
        """Tell it if it is time."""
        if self._seen is None or now < self._next:
            return
        self._next = now + SEEN_SECONDS
        sender = self._sender
        self._seen(sender.tally.look(now, in_flight=sender.in_flight, waiting=sender.waiting))


def _count_ahead(load: Load) -> int:
    if load.shape == "concurrent":
        return max(1, min(AHEAD, load.clients))
    return max(1, min(AHEAD, ceil(max(load.rate, load.rate_to) * AHEAD_SECONDS)))


def _name_source(tally: Tally) -> TokenSource:
    if tally.told and tally.untold:
        return "mixed"
    if tally.told:
        return "usage"
    if tally.untold:
        return "pieces"
    return ""


@contextmanager
def _few_collections() -> Iterator[None]:
    """What is there now is not looked at for garbage again and again: a look takes milliseconds."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C stops the load, where this is the thread that hears it."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    try:
        loop.add_signal_handler(signal.SIGINT, stop)
    except (RuntimeError, ValueError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
