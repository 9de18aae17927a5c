"""Reads streams of this format: server-sent events, the last of which is `[DONE]`."""

from __future__ import annotations

from abc import ABC, abstractmethod

import msgspec

from keepwell.dialects.openai.outcomes import TimingFields, UsageFields, add_usages, parse_counts, parse_error
from keepwell.plugins.answer_events import Ended, Event, Failed
from keepwell.plugins.asked import Json
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.cutting import MOST_BYTES, EventCutter, TooLong

_BROKE_OFF = Failed("the engine's answer broke off")
_TOO_LONG = Failed(f"the engine's answer has an event of more than {MOST_BYTES} bytes")


#: Data of events that say nothing; llama-server sends null between the answers to several prompts.
_NOTHING = (b"", b"null")


class ChunkFields(msgspec.Struct, gc=False):
    """What a chunk holds beside its choices."""

    usage: UsageFields | None = None
    timings: TimingFields | None = None
    error: Json = None


def find_failure(error: Unreadable) -> Failed:
    """An answer that cannot be read, as an event."""
    return Failed(f"the engine's answer cannot be read: {error}")


class StreamReader(ABC):
    """See `keepwell.plugins.codec.Reader`. Counts are told at the end: some engines send them with every chunk, and
    llama-server with the last chunk of each choice those of this choice.
    """

    #: All choices answer the same prompt.
    one_prompt = True

    def __init__(self) -> None:
        self._cutter = EventCutter()
        self._over = False
        self._usage: UsageFields | None = None
        self._of_choices: dict[int, UsageFields] = {}
        self._timings: TimingFields | None = None

    def feed(self, data: bytes) -> list[Event]:
        """See `keepwell.plugins.codec.Reader`."""
        events: list[Event] = []
        if self._over:
            return events
        try:
            self._read_all(self._cutter.feed(data), events)
        except TooLong:
            self._fail(_TOO_LONG, events)
        except Unreadable as error:
            self._fail(find_failure(error), events)
        return events

    def end(self) -> list[Event]:
        """See `keepwell.plugins.codec.Reader`; a stream without `[DONE]` is none that is whole."""
        events: list[Event] = []
        if self._over:
            return events
        try:
            self._read_all(self._cutter.end(), events)
        except Unreadable:
            self._fail(_BROKE_OFF, events)
        if not self._over:
            self._fail(_BROKE_OFF, events)
        return events

    def _read_all(self, found: list[bytes], events: list[Event]) -> None:
        for one in found:
            if one.startswith(b"{"):
                self._read(one, events)
            elif one.strip() == b"[DONE]":
                self._close(events)
            elif one.strip() not in _NOTHING:
                raise Unreadable("an event that is no object")
            if self._over:
                return

    def _fail(self, failed: Failed, events: list[Event]) -> None:
        self._over = True
        events.append(failed)

    def _close(self, events: list[Event]) -> None:
        self._over = True
        self._finish(events)
        usage = self._usage or add_usages(list(self._of_choices.values()), same_prompt=self.one_prompt)
        events.extend(parse_counts(usage, self._timings))
        events.append(Ended())

    def _note(self, chunk: ChunkFields, choice: int, events: list[Event]) -> bool:
        """Keep the counts and times of a chunk whose first choice is this one (-1: it has none); False if it is an
        error, with which the stream is over.
        """
        if chunk.error is not None:
            self._fail(parse_error(chunk.error), events)
            return False
        if chunk.usage is not None and choice < 0:
            self._usage = chunk.usage
        elif chunk.usage is not None:
            self._of_choices[choice] = chunk.usage
        if chunk.timings is not None:
            self._timings = chunk.timings
        return True

    @abstractmethod
    def _read(self, data: bytes, events: list[Event]) -> None:
        """The events of one chunk. Raises Unreadable."""

    @abstractmethod
    def _finish(self, events: list[Event]) -> None:
        """What is still to be said before the counts."""
