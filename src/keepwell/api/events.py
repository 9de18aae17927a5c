"""What happens, as a stream of server-sent events: `/api/v1/events`."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from keepwell.api.answers import HEADERS, refuse
from keepwell.api.calls import admit
from keepwell.api.pieces import may_see
from keepwell.app.hub.bus import Happening, Listener
from keepwell.app.hub.house import House
from keepwell.app.hub.visitor import Visitor

#: What can be listened to.
TOPICS = ("overview", "alerts", "runs", "requests", "proposals", "work")
#: Streams at once: one a viewer.
STREAMS = 50
#: Seconds between two signs of life where nothing happens, after which it is also seen whether the key is still good.
BEAT_SECONDS = 15.0
#: Seconds for which the hub goes on telling after the last one left: who comes back within them missed nothing.
LINGER_SECONDS = 30.0
#: Milliseconds after which a client whose stream broke comes back.
RETRY_MILLISECONDS = 2000
#: Events that are kept as they go over the wire, for the other streams.
RENDERED = 16
#: No event has this topic: who lingers keeps none.
NOTHING = ""


class Events:
    """Streams of the bus. Each event's id names this hub's run and a number: after a break the client sends the last
    one that it got, and gets what it missed, or is told that something was lost. `streams` are open now.
    """

    def __init__(self, house: House, beat_seconds: float = BEAT_SECONDS) -> None:
        self._house = house
        self._beat_seconds = beat_seconds
        self._run = secrets.token_hex(4)
        self.streams = 0
        self._heard_since = 0
        self._rendered: dict[int, bytes] = {}
        self._lingering = contextlib.ExitStack()
        self._ends: asyncio.TimerHandle | None = None

    async def answer(self, request: Request) -> Response:
        """The stream: `?topic=alerts&topic=runs`, all topics if none is named."""
        visitor = admit(self._house, request)
        if isinstance(visitor, Response):
            return visitor
        if request.method not in ("GET", "HEAD"):
            return refuse(405, "events are read by GET", allow="GET")
        topics = list(dict.fromkeys(request.query_params.getlist("topic")))
        if set(request.query_params.keys()) - {"topic"} or set(topics) - set(TOPICS):
            return refuse(400, f"events take topic, as often as you like: {', '.join(TOPICS)}")
        if self.streams >= STREAMS:
            return refuse(429, f"{STREAMS} streams are open already", "try again in a moment", retry_after="10")
        last = request.headers.get("last-event-id", "")
        headers = {**HEADERS, "x-accel-buffering": "no"}
        return StreamingResponse(
            self._stream(request, visitor, topics or list(TOPICS), last),
            media_type="text/event-stream",
            headers=headers,
        )

    def close(self) -> None:
        """Let go of what lingers."""
        if self._ends is not None:
            self._ends.cancel()
        self._lingering.close()

    async def _stream(self, request: Request, visitor: Visitor, topics: list[str], last: str) -> AsyncIterator[bytes]:
        """Everything that this visitor may know, until it goes or its key is no longer good."""
        bus = self._house.bus
        self._arrive()
        try:
            with bus.listen(*topics) as listener:
                missed = self._catch_up(last, topics, visitor)
                yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
                for piece in missed:
                    yield piece
                async for piece in self._follow(listener, visitor, self._still(request)):
                    yield piece
        finally:
            self._leave()

    async def _follow(self, listener: Listener, visitor: Visitor, still: Callable[[], bool]) -> AsyncIterator[bytes]:
        lost, clock = 0, asyncio.get_running_loop().time
        due = clock() + self._beat_seconds
        while True:
            if clock() >= due:  # also where there is always something to tell
                if not still():
                    return
                yield b": still here\n\n"
                due = clock() + self._beat_seconds
            try:
                one = await asyncio.wait_for(listener.next(), max(0.0, due - clock()))
            except TimeoutError:
                continue
            if listener.lost > lost:
                yield _render_lost(listener.lost - lost)
                lost = listener.lost
            if self._may_know(one, visitor):
                yield self._render(one)

    def _catch_up(self, last: str, topics: list[str], visitor: Visitor) -> list[bytes]:
        """What happened since the last event that the client got, as far as it is kept."""
        if not last:
            return []
        run, _, number = last.partition("-")
        if run != self._run or not number.isdecimal() or len(number) > 18:
            return [_render_lost(None)]
        bus, seen = self._house.bus, int(number)
        kept = bus.since(seen)
        missed = [render_event(one, self._run) for one in kept if one.topic in topics and self._may_know(one, visitor)]
        if seen < self._heard_since or bus.dropped > seen:
            return [_render_lost(None), *missed]
        return missed

    def _render(self, one: Happening) -> bytes:
        """Once for all streams: an overview of many nodes is large."""
        if one.number not in self._rendered:
            if len(self._rendered) >= RENDERED:
                self._rendered.pop(min(self._rendered))
            self._rendered[one.number] = render_event(one, self._run)
        return self._rendered[one.number]

    def _may_know(self, one: Happening, visitor: Visitor) -> bool:
        """Work of others is nobody's business."""
        if one.topic != "work":
            return True
        piece = self._house.work.find(str(one.data.get("id", "")))
        return piece is not None and may_see(piece, visitor)

    def _still(self, request: Request) -> Callable[[], bool]:
        def is_welcome() -> bool:
            return not isinstance(admit(self._house, request), Response)

        return is_welcome

    def _arrive(self) -> None:
        self.streams += 1
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None
        elif self.streams == 1:
            self._heard_since = self._house.bus.number
            self._lingering.enter_context(self._house.bus.listen(NOTHING))

    def _leave(self) -> None:
        self.streams -= 1
        if self.streams == 0:
            self._ends = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end_lingering)

    def _end_lingering(self) -> None:
        self._ends = None
        self._lingering.close()


def render_event(one: Happening, run: str) -> bytes:
    """One event on the wire. JSON has no line breaks, so its data is one line."""
    head = f"event: {one.topic}\nid: {run}-{one.number}\ndata: ".encode()
    return head + msgspec.json.encode({"at": one.at, one.topic: one.data}) + b"\n\n"


def _render_lost(count: int | None) -> bytes:
    """How many events this client will not get; null where nobody knows."""
    return b"event: lost\ndata: " + msgspec.json.encode({"events": count}) + b"\n\n"
