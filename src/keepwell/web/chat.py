"""One question to a model through this machine's gateway, and what comes of it, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from keepwell.app.expert.speaking import PATH
from keepwell.app.rehearsing.playing import find_codecs
from keepwell.core.errors import Unreachable
from keepwell.core.text import cut_text, escape_controls
from keepwell.core.words import figure
from keepwell.gateway.door import load_plates
from keepwell.plugins.answer_events import Counted, Event, Failed, Reasoning, Text
from keepwell.plugins.asked import Asked, Message
from keepwell.plugins.codec import Codec
from keepwell.web.page import Visit
from keepwell.web.words import DASH, tell_brief
from keepwell.wire.outbound import Outbound, Sink

#: Seconds until a connection, between two pieces of an answer (a model may have to be loaded), and in all.
CONNECT_SECONDS, BETWEEN_SECONDS, TOTAL_SECONDS = 3.0, 600.0, 3600.0
#: Tokens of an answer at most, unless fewer are asked for; characters of what a server says of an error.
MOST_TOKENS, SAID = 4096, 400
#: Characters of a digest that are shown.
DIGEST = 19
#: How it is known which model answered, in words.
PROOFS = {
    "said": "said by the engine",
    "verified": "verified: the model that was asked, in memory, of the bytes that its store lists",
    "canary": "verified, and its known answer is the same",
    "mismatch": "another model answered",
}
#: Headers of the gateway that say who answered, and what each is called here.
TOLD = {
    b"x-keepwell-request": "request",
    b"x-keepwell-replica": "replica",
    b"x-keepwell-node": "node",
    b"x-keepwell-model": "model",
    b"x-keepwell-proof": "proof",
    b"x-keepwell-digest": "digest",
    b"x-keepwell-device": "device",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of which model, after which turns; `key` is a key of the gateway's, "" for none."""

    model: str
    turns: Sequence[tuple[str, str]]
    key: str = ""
    max_tokens: int = MOST_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something that came: who answers ("head"), a piece of the answer ("text", "thought"), the figures at the end
    ("end") or why there is none ("error").
    """

    kind: str
    text: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)


async def ask(visit: Visit, question: Question) -> AsyncIterator[Said]:
    """Everything that comes, in order; the last is "end" or "error". Who leaves ends the request.

    Raises Unreachable where no gateway runs.
    """
    port = next((one.inside for one in reversed(load_plates(visit.hub.state)) if one.inside), 0)
    if not port:
        raise Unreachable("no gateway runs here", hint="start one: keepwell up")
    codec = find_codecs()[PATH]
    coming = _Coming()
    began = monotonic()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            loop = asyncio.get_running_loop()
            transport, connection = await loop.create_connection(Outbound, "127.0.0.1", port)
    except (OSError, TimeoutError) as error:
        raise Unreachable("the gateway does not answer", where=f"127.0.0.1:{port}") from error
    try:
        connection.ask(coming, _render(question, codec, port))
        async with asyncio.timeout(TOTAL_SECONDS):
            async for one in _read(coming, codec, began):
                yield one
    except TimeoutError:
        yield Said(kind="error", text=f"nothing came for {BETWEEN_SECONDS:g} s")
    finally:
        transport.abort()


def _render(question: Question, codec: Codec, port: int) -> bytes:
    messages = tuple(Message(role=_role(who), parts=(text,)) for who, text in question.turns)
    asked = Asked(model=question.model, stream=True, counts=True, max_tokens=question.max_tokens, messages=messages)
    body = codec.write_request(asked)
    key = "".join(one for one in question.key if "!" <= one <= "~")
    lines = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    lines += f"content-length: {len(body)}\r\n" + f"authorization: Bearer {key}\r\n" * bool(key)
    return lines.encode() + b"connection: close\r\n\r\n" + body


def _role(who: str) -> Any:
    return {"assistant": "assistant", "system": "system"}.get(who, "user")


async def _read(coming: _Coming, codec: Codec, began: float) -> AsyncIterator[Said]:
    """What comes, as the codec understands it."""
    figures = _Figures(began)
    reader = None
    while True:
        async with asyncio.timeout(BETWEEN_SECONDS):
            piece = await coming.queue.get()
        head = coming.head_of
        if head is None or piece is None:
            break
        if head[0] != 200:
            yield Said(kind="error", text=_clean(codec.read_error(piece) or piece.decode("utf-8", "replace")))
            return
        if reader is None:
            reader = codec.make_reader(stream=b"event-stream" in head[1].get(b"content-type", b""))
            yield Said(kind="head", told=_tell_head(head[1]))
        for one in _hear(reader.feed(piece), figures):
            yield one
    if reader is not None and not coming.broken:
        for one in _hear(reader.end(), figures):
            yield one
    if coming.broken or reader is None or figures.failed:
        yield Said(kind="error", text=_clean(figures.failed or coming.broken or "no answer came"))
        return
    yield Said(kind="end", told=figures.tell())


def _hear(events: Sequence[Event], figures: _Figures) -> list[Said]:
    heard = []
    for one in events:
        if isinstance(one, Text) and one.text:
            figures.word()
            heard.append(Said(kind="text", text=one.text))
        elif isinstance(one, Reasoning) and one.text:
            figures.word()
            heard.append(Said(kind="thought", text=one.text))
        elif isinstance(one, Counted):
            figures.input_tokens, figures.output_tokens = one.input_tokens, one.output_tokens
        elif isinstance(one, Failed):
            figures.failed = one.message or "the answer broke off"
    return heard


def _tell_head(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """What the gateway says of who answers, and `who`: the same in a sentence."""
    told = {said: _clean(headers[name].decode("utf-8", "replace")) for name, said in TOLD.items() if name in headers}
    words = [told.get("replica", ""), told.get("device", ""), PROOFS.get(told.get("proof", ""), "not attested")]
    words.append(told.get("digest", "")[:DIGEST])
    return {**told, "who": " · ".join(one for one in words if one)}


def _clean(text: str) -> str:
    return cut_text(escape_controls(text), SAID)


@dataclass(slots=True)
class _Figures:
    """Instants by the monotonic clock; tokens are -1 where the engine does not count them."""

    began: float
    first: float = 0.0
    last: float = 0.0
    pieces: int = 0
    input_tokens: int = -1
    output_tokens: int = -1
    failed: str = ""

    def word(self) -> None:
        """A piece of the answer came."""
        self.last = monotonic()
        self.first = self.first or self.last
        self.pieces += 1

    def tell(self) -> dict[str, Any]:
        """Seconds until the first word and in all, and tokens a second after the first; -1 where nobody knows.
        `figures` are the same in words.
        """
        counted, ttft, speed = self.output_tokens, -1.0, -1.0
        if counted < 0:
            counted = self.pieces
        if self.pieces:
            ttft = round(self.first - self.began, 4)
        if counted > 1 and self.last > self.first:
            speed = round((counted - 1) / (self.last - self.first), 2)
        total = round(monotonic() - self.began, 4)
        words = (
            ("first token", tell_brief(ttft)),
            ("tokens a second", _count(speed)),
            ("tokens", f"{_count(self.input_tokens)} in, {_count(self.output_tokens)} out"),
            ("in all", tell_brief(total)),
        )
        return {"ttft": ttft, "tokens_per_second": speed, "output_tokens": counted, "total": total, "figures": words}


def _count(number: float) -> str:
    if number < 0:
        return DASH
    return figure(number)


class _Coming:
    """Takes the gateway's answer: pieces in a queue, None at the end; `broken` says why it is not whole."""

    raw = False

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.head_of: tuple[int, dict[bytes, bytes]] | None = None
        self.broken = ""

    def head(self, answer: Outbound) -> Sink | None:
        """It begins."""
        self.head_of = answer.head.status, dict(answer.head.headers)
        if answer.head.status != 200:
            return None
        return self

    def grew(self, answer: Outbound) -> Sink:
        """A long error: in parts, of which the first is shown."""
        return self

    def whole(self, answer: Outbound, body: bytes) -> None:
        """All at once."""
        self.head_of = answer.head.status, dict(answer.head.headers)
        self.queue.put_nowait(body)
        self.queue.put_nowait(None)

    def finished(self, answer: Outbound) -> None:
        """It is over."""
        self.queue.put_nowait(None)

    def broke(self, why: str) -> None:
        """It is not whole."""
        self.broken = why or "the gateway closed the connection"
        self.queue.put_nowait(None)

    def take(self, data: bytes) -> None:
        """Part of the body."""
        self.queue.put_nowait(data)
