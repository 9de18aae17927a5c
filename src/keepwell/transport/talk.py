"""One conversation with a far end, over one connection: calls out, answers in, and what happens when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from keepwell.core.errors import AccessError, TimedOut, Unreachable
from keepwell.transport.wire import Answer, BrokenFrame, Frames, Greeting, Header, parse_answer, render_call

#: Seconds between two pings, and without any byte from the other side after which it is taken for dead: a busy
#: machine answers a ping within seconds, and a person waits.
PING_SECONDS = 3.0
DEAD_SECONDS = 9.0
#: Seconds without a ping after which the far end kills what it started and ends: longer than a laptop's hiccup.
SILENCE_SECONDS = 45.0
#: Seconds for the far end to say its first word once its line is open: Python on a small busy machine.
HELLO_SECONDS = 10.0
#: Bytes of what a shell said that are kept for an error message.
SAID_BYTES = 400


class Line(Protocol):
    """A connection to the far end's input. What it says goes to `Talk.received`."""

    def send(self, data: bytes) -> None:
        """Send it some time soon."""
        ...

    def close(self) -> None:
        """Let go of it; safe to call twice."""
        ...


class Talk:
    """What is under way on one line. `received` and `lost` are for the line, the rest for the caller."""

    def __init__(self, *, ping_seconds: float = PING_SECONDS, dead_seconds: float = DEAD_SECONDS) -> None:
        loop = asyncio.get_running_loop()
        self.over: AccessError | None = None
        self.answered = False
        self.hello: asyncio.Future[Header] = loop.create_future()
        self._loop = loop
        self._line: Line | None = None
        self._greeting = Greeting()
        self._frames = Frames()
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._number = 0
        self._unsent: list[bytes] = []
        self._heard = loop.time()
        self._beat: asyncio.TimerHandle | None = None
        self._ping_seconds = ping_seconds
        self._dead_seconds = dead_seconds

    @property
    def said(self) -> str:
        """What came before the far end's first word: a shell's greeting, or why there is no far end."""
        return bytes(self._greeting.said[-SAID_BYTES:]).decode("utf-8", "replace").strip()

    def received(self, data: bytes) -> None:
        """Bytes came."""
        self._heard = self._loop.time()
        try:
            for frame in self._frames.feed(self._greeting.feed(data)):
                self._take(parse_answer(frame))
        except BrokenFrame as error:
            self.lost(error)

    def lost(self, error: AccessError) -> None:
        """The line is gone: everybody who waits is told."""
        if self.over is not None:
            return
        self.over = error
        if self._beat is not None:
            self._beat.cancel()
        for one in self._waiting.values():
            if not one.done():
                one.set_exception(again(error))
        self._waiting.clear()
        if not self.hello.done():
            self.hello.set_exception(again(error))
            self.hello.exception()  # whoever waits for it is told; that nobody does is no fault
        if self._line is not None:
            self._line.close()

    async def greet(self, line: Line) -> Header:
        """Wait for the far end's first word; what kind of machine it is on. Raises TimedOut, Unreachable."""
        self._line = line
        self._flush()
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                facts = await asyncio.shield(self.hello)
        except TimeoutError:
            self.lost(TimedOut(f"the line is open, and nothing came within {HELLO_SECONDS:g} s"))
            raise TimedOut(f"the line is open, and nothing came within {HELLO_SECONDS:g} s") from None
        self._ping()
        return facts

    async def ask(self, call: str, args: Header, payload: bytes, seconds: float) -> Answer:
        """One call. Raises TimedOut after `seconds`, Unreachable for a lost line, TooLarge for a call that is."""
        if self.over is not None:
            raise again(self.over)
        number = self._send(call, args, payload)
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting[number] = answer
        timer = self._loop.call_later(seconds, _expire, answer, seconds)
        try:
            return await answer
        finally:
            timer.cancel()
            if self._waiting.pop(number, None) is not None:
                self._send("cancel", {"of": number}, b"")

    def _send(self, call: str, args: Header, payload: bytes) -> int:
        self._number += 1
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(render_call(self._number, call, args, payload))
        return self._number

    def _flush(self) -> None:
        """All that was asked in one turn of the event loop goes out at once."""
        if self._line is not None and self._unsent and self.over is None:
            self._line.send(b"".join(self._unsent))
            self._unsent.clear()

    def _take(self, answer: Answer) -> None:
        if answer.id == 0 and answer.ok is not None:
            if not self.hello.done():
                self.hello.set_result(answer.ok)
            return
        self.answered = True
        waiting = self._waiting.pop(answer.id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _ping(self) -> None:
        """Keep the far end alive, and see that it is."""
        if self._loop.time() - self._heard > self._dead_seconds:
            self.lost(Unreachable(f"not a word from the node for {self._dead_seconds:g} s"))
        if self.over is None:
            self._send("ping", {"silence_seconds": SILENCE_SECONDS}, b"")
            self._beat = self._loop.call_later(self._ping_seconds, self._ping)


#: Opens a line for a conversation. Raises AccessErrors that a person can act on.
Dial: TypeAlias = Callable[[Talk], Awaitable[Line]]


def _expire(answer: asyncio.Future[Answer], seconds: float) -> None:
    if not answer.done():
        answer.set_exception(TimedOut(f"no answer from the node within {seconds:g} s"))


def again(error: AccessError) -> AccessError:
    """The same error once more: one that is raised in several places would gather all their traces."""
    return type(error)(error.what, where=error.where, command=error.command, hint=error.hint)
