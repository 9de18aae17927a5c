"""What is heard in the events of a translated answer: who gave it, its tokens, whether it is whole, what broke it."""

from __future__ import annotations

from keepwell.plugins.answer_events import Begun, Counted, Ended, Event, Failed, Text
from keepwell.plugins.dialect import Usage, find_seconds


class Heard:
    """Of one answer, so far. `fault` is why it cannot be finished, None while all is well."""

    __slots__ = ("counted", "ended", "fault", "model")

    def __init__(self) -> None:
        self.model = ""
        self.counted = Counted()
        self.ended = False
        self.fault: Failed | None = None

    def note(self, events: list[Event]) -> list[Event]:
        """Those of them that the client may have: what comes before a fault, and one end."""
        if self.ended or self.fault is not None:
            return []
        for place, event in enumerate(events):
            kind = type(event)
            if kind is Text:
                continue
            if isinstance(event, Begun):
                self.model = self.model or event.model
            elif isinstance(event, Counted):
                self.counted = event
            elif isinstance(event, Failed):
                self.fault = event
                return events[:place]
            elif kind is Ended:
                self.ended = True
                return events[: place + 1]
        return events

    @property
    def usage(self) -> Usage:
        """Its tokens."""
        counted = self.counted
        seconds = (counted.load_ns, counted.input_ns, counted.output_ns)
        return Usage(counted.input_tokens, counted.output_tokens, counted.cached_tokens, *map(find_seconds, seconds))
