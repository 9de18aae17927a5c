"""What readers of streams have in common that are typed events: feeding, the end, and what cannot be read."""

from __future__ import annotations

from abc import ABC, abstractmethod

from keepwell.plugins.answer_events import Begun, Ended, Event, Failed
from keepwell.plugins.cutting import MOST_BYTES, EventCutter, TooLong
from keepwell.plugins.wire_json import BROKEN

UNREADABLE = Failed("the engine's answer cannot be read")
BROKE_OFF = Failed("the engine's answer broke off")
TOO_LONG = Failed(f"the engine's answer holds more than {MOST_BYTES} bytes in one piece")
#: What some servers end every stream with, whether its format has it or not.
_DONE = b"[DONE]"


class TypedReader(ABC):
    """Reads a stream; `_read` takes the data of one event and sets `_over` with the last."""

    def __init__(self) -> None:
        self._over = False
        self._begun = False
        self._cutter = EventCutter()

    def feed(self, data: bytes) -> list[Event]:
        """See `keepwell.plugins.codec.Reader`."""
        events: list[Event] = []
        if self._over:
            return events
        try:
            self._read_all(self._cutter.feed(data), events)
        except TooLong:
            self._fail(TOO_LONG, events)
        except BROKEN:
            self._fail(UNREADABLE, events)
        return self._introduce(events)

    def end(self) -> list[Event]:
        """See `keepwell.plugins.codec.Reader`."""
        events: list[Event] = []
        if self._over:
            return events
        try:
            self._read_all(self._cutter.end(), events)
        except BROKEN:
            self._fail(BROKE_OFF, events)
        if not self._over:
            self._fail(BROKE_OFF, events)
        return self._introduce(events)

    def _read_all(self, found: list[bytes], events: list[Event]) -> None:
        for one in found:
            if one != _DONE:
                self._read(one, events)
            if self._over:
                return

    def _introduce(self, events: list[Event]) -> list[Event]:
        """A stream whose beginning tells nothing has begun all the same."""
        if events and not self._begun:
            self._begun = True
            if not isinstance(events[0], (Begun, Failed)):
                events.insert(0, Begun())
        return events

    def _fail(self, failed: Failed, events: list[Event]) -> None:
        self._over = True
        events.append(failed)

    def _close(self, events: list[Event]) -> None:
        self._over = True
        events.append(Ended())

    @abstractmethod
    def _read(self, data: bytes, events: list[Event]) -> None:
        """The events of one event; may raise what decoding raises."""
