"""One question to a model over the wire, and what came of it, whatever came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from keepwell.app.expert.resident import Respondent
from keepwell.ask.actions import Heard, Query
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, ConfigurationError, TimedOut
from keepwell.core.text import cut_text, escape_controls
from keepwell.plugins.answer_events import CallPiece, Counted, Event, Failed, Finished, Text
from keepwell.plugins.asked import Asked, Message, Shape, Tool
from keepwell.plugins.asking import key_headers
from keepwell.plugins.codec import Codec
from keepwell.redact import Redactor
from keepwell.transport.base import Streamed, StreamsBodies, Transport

#: The path that every engine and hosted server has for conversations.
PATH = "/v1/chat/completions"
#: Bytes of an answer that are taken: thousands of tokens as events of some 300 bytes each.
ANSWER_BYTES = 2 * 1024 * 1024
#: Characters of what a model says that are kept, calls of tools that are gathered, characters of a server's sentence.
TEXT_CHARS, CALLS, SAID_CHARS = 100_000, 16, 200
#: Statuses by which servers say that they do not take a request of this form, and by which no repetition helps.
FORM_STATUSES = frozenset({400, 405, 415, 422, 500, 501})
LOST_STATUSES = frozenset({401, 402, 403, 404})
EVENTS_TYPE = "text/event-stream"


class Speaker:
    """Speaks to one respondent; what leaves the owner's network goes through `redactor`."""

    def __init__(
        self, who: Respondent, codecs: Mapping[str, Codec], hands: Transport, clock: Clock, redactor: Redactor | None
    ) -> None:
        codec = codecs.get(PATH)
        if codec is None:
            raise ConfigurationError(f"no dialect has {PATH}")
        self._who = who
        self._codec = codec
        self._hands = hands
        self._clock = clock
        self._redactor = redactor

    @property
    def masked(self) -> int:
        """Values that were taken out of what left."""
        if self._redactor is None:
            return 0
        return sum(self._redactor.tokens.counts.values())

    async def ask(self, query: Query) -> Heard:
        """Send it, and read what comes within its time; nothing is raised."""
        began = self._clock.monotonic()
        body = self._codec.write_request(make_asked(self._who.model, self._mask(query)))
        assert isinstance(self._hands, StreamsBodies)
        try:
            streamed = await self._hands.stream(
                "POST",
                self._who.url + PATH,
                headers=key_headers(self._who.api_key),
                body=body,
                timeout_seconds=max(0.001, query.seconds),
                max_bytes=ANSWER_BYTES,
            )
        except AccessError as error:
            seconds = self._clock.monotonic() - began
            return Heard(problem=_line(error.what), seconds=seconds, lost=not isinstance(error, TimedOut))
        return read_answer(streamed, self._codec, self._clock.monotonic() - began)

    def _mask(self, query: Query) -> Query:
        if self._redactor is None:
            return query
        return replace(query, user=self._redactor.redact_text(query.user, "question"))


def make_asked(model: str, query: Query) -> Asked:
    """The request in the words of all formats: two messages, greedy, streamed so that a part of an answer is kept."""
    return Asked(
        model=model,
        stream=True,
        counts=True,
        temperature=0.0,
        max_tokens=query.max_tokens,
        messages=(
            Message(role="system", parts=(query.system,)),
            Message(role="user", parts=(query.user,)),
        ),
        tools=tuple(Tool(one.name, one.what, dict(one.schema)) for one in query.offers),
        tool_choice="auto" * bool(query.offers),
        shape=_make_shape(query),
    )


def _make_shape(query: Query) -> Shape | None:
    if query.shape is None:
        return None
    return Shape(schema=dict(query.shape), name="reply", strict=True)


@dataclass(slots=True)
class _Gathered:
    texts: list[str] = field(default_factory=list)
    calls: dict[int, list[str]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    counted: Counted = field(default_factory=Counted)
    failed: str = ""
    full: bool = False

    def take(self, events: Iterable[Event]) -> None:
        for one in events:
            match one:
                case Text():
                    self.texts.append(one.text)
                case CallPiece() if one.index in self.calls or len(self.calls) < CALLS:
                    self.calls.setdefault(one.index, []).append(one.arguments)
                    self.names[one.index] = self.names.get(one.index) or one.name
                case Counted():
                    self.counted = one
                case Finished(reason="length"):
                    self.full = True
                case Failed():
                    self.failed = self.failed or one.message


def read_answer(streamed: Streamed, codec: Codec, seconds: float) -> Heard:
    """What an answer says, as far as it came. Pure; never raises."""
    if streamed.status != 200:
        return _read_refusal(streamed, codec, seconds)
    found = _Gathered()
    reader = codec.make_reader(stream=EVENTS_TYPE in streamed.headers.get("content-type", ""))
    for piece in streamed.pieces:
        found.take(reader.feed(piece.data))
    found.take(reader.end())
    problem = streamed.problem or found.failed or "its room of tokens was used up" * found.full
    calls = tuple((found.names[at][:SAID_CHARS], "".join(found.calls[at])[:TEXT_CHARS]) for at in sorted(found.calls))
    return Heard(
        text="".join(found.texts)[:TEXT_CHARS],
        calls=calls,
        input_tokens=found.counted.input_tokens,
        output_tokens=found.counted.output_tokens,
        seconds=seconds,
        problem=_line(problem),
    )


def _read_refusal(streamed: Streamed, codec: Codec, seconds: float) -> Heard:
    said = codec.read_error(streamed.body) or streamed.body[:SAID_CHARS].decode("utf-8", "replace")
    return Heard(
        seconds=seconds,
        problem=_line(f"it answers {streamed.status}: {said}"),
        refused=streamed.status in FORM_STATUSES,
        lost=streamed.status in LOST_STATUSES or 300 <= streamed.status < 400,
    )


def _line(text: str) -> str:
    return cut_text(escape_controls(" ".join(text.split())), SAID_CHARS)
