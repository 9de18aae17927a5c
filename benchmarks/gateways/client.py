"""A client for load: so many connections, each asking again as soon as it was answered, everything checked.

It reads by callbacks and keeps nothing of an answer but its time and whether it was whole and in order.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import cast

from gateways.engine import MODEL, WORDS

_WORD = re.compile(rb"w(\d\d\d) ")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ALL = [b"%03d" % number for number in range(WORDS)]
#: OpenAI's path, the one of Ollama, and Anthropic's.
CHAT, LINES, MESSAGES = "/v1/chat/completions", "/api/chat", "/v1/messages"
#: How a stream of each says that it is whole, and that it counted.
_ENDS = {CHAT: b"[DONE]", LINES: b'"done":true', MESSAGES: b"event: message_stop"}
_COUNTS = {CHAT: b'"completion_tokens":', LINES: b'"eval_count":', MESSAGES: b'"output_tokens":'}
#: Different bodies, so that no two requests in a row are the same; bytes of their prompts.
BODIES, LEAST, MOST = 64, 120, 280
#: Seconds without any answer after which a run is given up.
STALLED_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked: over so many connections, so many requests in all. `counts`: the client asks for token counts.
    `path` is OpenAI's for chats, Anthropic's or Ollama's, which are always streams here.
    """

    port: int
    secret: str
    connections: int
    requests: int
    stream: bool = False
    counts: bool = True
    path: str = CHAT


@dataclass(slots=True)
class Found:
    """Seconds of each answer, to the first word, and between words; and what was wrong."""

    seconds: float = 0.0
    whole: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    failed: int = 0
    broken: int = 0
    uncounted: int = 0


def render_requests(load: Load) -> list[bytes]:
    """The requests, as they are sent."""
    chosen = random.Random(1)
    made = []
    for _ in range(BODIES):
        content = "x" * chosen.randint(LEAST, MOST)
        asked: dict[str, object] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": 64,
        }
        if load.path == LINES:
            asked = {"model": MODEL, "messages": asked["messages"], "options": {"num_predict": 64}}
        elif load.stream:
            asked["stream"] = True
            if load.counts and load.path == CHAT:
                asked["stream_options"] = {"include_usage": True}
        body = json.dumps(asked).encode()
        lines = [
            f"POST {load.path} HTTP/1.1",
            f"Host: 127.0.0.1:{load.port}",
            "Accept: application/json",
            "User-Agent: bench/1",
            "Content-Type: application/json",
            f"Authorization: Bearer {load.secret}",
            f"Content-Length: {len(body)}",
        ]
        made.append("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return made


class Connection(asyncio.Protocol):
    """One of them."""

    def __init__(self, run: Run, number: int) -> None:
        self.run = run
        self.number = number
        self.data = b""
        self.words: list[bytes] = []
        self.began = self.last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cut while an answer was due: a failure."""
        if self.began:
            self.began = 0.0
            self.run.found.failed += 1
            self.run.lost(self.number)

    def ask(self) -> None:
        """The next one, if there is any left."""
        self.data, self.words, self.began, self.last = b"", [], 0.0, 0.0
        request = self.run.take()
        if request is None:
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        now = time.perf_counter()
        found = self.run.found
        if self.run.load.stream:
            words = _WORD.findall(data)
            if words:
                if self.last:
                    found.gaps.append(now - self.last)
                else:
                    found.first.append(now - self.began)
                self.last = now
                self.words += words
        if self.data:
            data = self.data + data
        self.data = data
        if self.is_whole(data):
            found.whole.append(now - self.began)
            self.check(data)
            self.ask()

    def is_whole(self, data: bytes) -> bool:
        """True at the end of the answer."""
        if self.run.load.stream:
            return data.endswith(b"0\r\n\r\n")
        end = data.find(b"\r\n\r\n")
        size = _LENGTH.search(data, 0, end)
        return end >= 0 and size is not None and len(data) >= end + 4 + int(size[1])

    def check(self, data: bytes) -> None:
        """All words, in order, once; the end; the counts."""
        found = self.run.found
        if not data.startswith(b"HTTP/1.1 200"):
            found.failed += 1
            return
        if not self.run.load.stream:
            self.words = _WORD.findall(data)
        elif data.count(_ENDS[self.run.load.path]) != 1:
            found.broken += 1
            return
        found.broken += self.words != _ALL
        found.uncounted += _COUNTS[self.run.load.path] not in data and self.run.load.counts


class Run:
    """A load that is under way."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.found = Found()
        self.requests = render_requests(load)
        self.left = load.requests
        self.alive = load.connections
        self.done = asyncio.Event()

    def take(self) -> bytes | None:
        """The next request."""
        if self.left <= 0:
            self.alive -= 1
            if not self.alive:
                self.done.set()
            return None
        self.left -= 1
        return self.requests[self.left % BODIES]

    def lost(self, number: int) -> None:
        """A connection broke: it is made again."""
        asyncio.get_running_loop().create_task(self.open(number))

    async def open(self, number: int) -> None:
        """One connection."""
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: Connection(self, number), "127.0.0.1", self.load.port
            )
        except OSError:
            self.found.failed += 1
            self.take_none()

    def take_none(self) -> None:
        """Nobody answers there."""
        self.alive -= 1
        if not self.alive:
            self.done.set()


async def run_load(load: Load) -> Found:
    """Do it, and what was found. Gives up when nothing comes any more."""
    run = Run(load)
    began = time.perf_counter()
    await asyncio.gather(*(run.open(number) for number in range(load.connections)))
    so_far = -1
    while not run.done.is_set() and so_far != len(run.found.whole):
        so_far = len(run.found.whole)
        try:
            await asyncio.wait_for(run.done.wait(), STALLED_SECONDS)
        except TimeoutError:
            continue
    run.found.seconds = time.perf_counter() - began
    run.found.failed += load.requests - len(run.found.whole) - run.found.failed
    return run.found
