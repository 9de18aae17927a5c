"""What came back for one request: times, tokens, text, what went wrong; in the same words for every format. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from keepwell.plugins.answer_events import CallPiece, Counted, Ended, Event, Failed, Finished, Reasoning, Text, Vectors
from keepwell.plugins.codec import Codec
from keepwell.transport.base import Streamed

#: Characters of an error's sentence that are kept, and of an answer's text.
SAID, TEXT = 300, 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One answer. `problem` is one word for what went wrong ("" for nothing) and `said` a sentence of it. Seconds and
    tokens are -1 where they are not known. `calls` are tool calls in order, `vectors` how many and how long.

    `dropped` are fields that were lost on the way, `translated` between which formats.
    """

    problem: str = ""
    said: str = ""
    first_seconds: float = -1.0
    token_seconds: float = -1.0
    total_seconds: float = -1.0
    input_tokens: int = -1
    output_tokens: int = -1
    text: str = ""
    calls: str = ""
    finish: str = ""
    replica: str = ""
    dropped: tuple[str, ...] = ()
    translated: str = ""

    @property
    def whole(self) -> str:
        """Everything that the model said, as one text: white space around it tells templates, not answers, apart."""
        return "\n".join(one for one in (self.text.strip(), self.calls) if one)


@dataclass(slots=True)
class _Gathered:
    texts: list[str] = field(default_factory=list)
    calls: dict[int, list[str]] = field(default_factory=dict)
    counted: Counted = field(default_factory=Counted)
    finish: str = ""
    failed: Failed | None = None
    ended: bool = False
    first: float = -1.0
    last: float = -1.0

    def take(self, events: Iterable[Event], seconds: float) -> None:
        for one in events:
            if isinstance(one, Text | Reasoning | CallPiece | Vectors):
                self._take_said(one)
                self.last = seconds
                if self.first < 0:
                    self.first = seconds
            elif isinstance(one, Counted):
                self.counted = one
            elif isinstance(one, Finished):
                self.finish = one.reason
            elif isinstance(one, Failed):
                self.failed = one
            self.ended = self.ended or isinstance(one, Ended)

    def _take_said(self, one: Event) -> None:
        if isinstance(one, Text):
            self.texts.append(one.text)
        elif isinstance(one, CallPiece):
            self.calls.setdefault(one.index, []).append(one.name + " " * bool(one.name) + one.arguments)
        elif isinstance(one, Vectors):
            sizes = sorted({len(each) for each in one.vectors})
            self.texts.append(f"{len(one.vectors)} vectors of {', '.join(map(str, sizes))}")


def hear(streamed: Streamed, codec: Codec) -> Heard:
    """What an answer with its times means to a client of this format."""
    if streamed.status >= 400:
        said = codec.read_error(streamed.body) or streamed.body[:SAID].decode("utf-8", "replace")
        return _add_head(Heard(problem=f"http_{streamed.status}", said=said[:SAID]), streamed)
    found = _Gathered()
    reader = codec.make_reader(stream=_is_stream(streamed))
    for piece in streamed.pieces:
        found.take(reader.feed(piece.data), piece.seconds)
    if streamed.whole:
        found.take(reader.end(), streamed.seconds)
    problem, said = _find_problem(found, streamed)
    heard = Heard(
        problem=problem,
        said=said[:SAID],
        first_seconds=found.first,
        token_seconds=_pace(found),
        total_seconds=streamed.seconds,
        input_tokens=found.counted.input_tokens,
        output_tokens=found.counted.output_tokens,
        text="".join(found.texts)[:TEXT],
        calls="\n".join(_render_call("".join(found.calls[one])) for one in sorted(found.calls))[:TEXT],
        finish=found.finish,
    )
    return _add_head(heard, streamed)


def _find_problem(found: _Gathered, streamed: Streamed) -> tuple[str, str]:
    if found.failed is not None:
        return "error_in_stream", found.failed.message
    if not streamed.whole:
        return "broken_off", streamed.problem
    if not found.ended:
        return "broken_off", "the end of the answer is missing"
    if not found.texts and not found.calls and not found.counted.output_tokens > 0:
        return "empty", "nothing was answered"
    return "", ""


def _pace(found: _Gathered) -> float:
    if found.counted.output_tokens < 2 or found.last <= found.first:
        return -1.0
    return (found.last - found.first) / (found.counted.output_tokens - 1)


def _is_stream(streamed: Streamed) -> bool:
    kind = streamed.headers.get("content-type", "").partition(";")[0].strip()
    return kind != "application/json"


def _render_call(written: str) -> str:
    """A call with its arguments in one order and spacing, where they are JSON."""
    name, blank, arguments = written.partition(" ")
    try:
        arguments = msgspec.json.encode(msgspec.json.decode(arguments), order="deterministic").decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return written
    return name + blank + arguments


def _add_head(heard: Heard, streamed: Streamed) -> Heard:
    """With what the gateway says of it."""
    names = [one.strip() for one in streamed.headers.get("x-keepwell-dropped", "").split(",")]
    return replace(
        heard,
        replica=streamed.headers.get("x-keepwell-replica", ""),
        translated=streamed.headers.get("x-keepwell-translated", ""),
        dropped=tuple(one for one in names if one),
    )
