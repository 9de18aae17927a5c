"""Answers that are one JSON object: read when the body is over, written when all is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from keepwell.plugins.answer_events import Ended, Event, Events, Failed

#: Bytes of an answer: 2,048 vectors of 4,096 numbers in some 20 digits each are 170 million.
MOST_BYTES = 256 * 1024 * 1024


class WholeReader:
    """See `keepwell.plugins.codec.Reader`. `read` gives the events of a body without `Ended`, or one `Failed`."""

    def __init__(self, read: Callable[[bytes], list[Event]]) -> None:
        self._read = read
        self._pieces: list[bytes] = []
        self._length = 0
        self._failed = False

    def feed(self, data: bytes) -> list[Event]:
        """Nothing before the end, but where there is too much."""
        self._length += len(data)
        if self._failed:
            return []
        if self._length > MOST_BYTES:
            self._failed = True
            self._pieces.clear()
            return [Failed(f"the engine's answer is longer than {MOST_BYTES} bytes")]
        self._pieces.append(data)
        return []

    def end(self) -> list[Event]:
        """All of it."""
        if self._failed:
            return []
        self._failed = True
        found = self._read(b"".join(self._pieces))
        if any(isinstance(one, Failed) for one in found):
            return found
        return [*found, Ended()]


class Rendering(Protocol):
    """How an answer is written that is whole."""

    content_type: bytes

    def render(self, events: Events, seconds: float) -> bytes:
        """The answer of these events."""
        ...

    def render_failure(self, failed: Failed) -> bytes:
        """The error in its place."""
        ...


class WholeWriter:
    """See `keepwell.plugins.codec.Writer`. What comes after the end, or after an error, is left out."""

    def __init__(self, rendering: Rendering) -> None:
        self.content_type = rendering.content_type
        self._rendering = rendering
        self._events: list[Event] = []
        self._over = False

    def write(self, events: Events, seconds: float) -> bytes:
        """b"" until all is there."""
        for event in events:
            if self._over:
                break
            if isinstance(event, Failed):
                self._over = True
                return self._rendering.render_failure(event)
            if isinstance(event, Ended):
                self._over = True
                return self._rendering.render(self._events, seconds)
            self._events.append(event)
        return b""
