"""What is noted of an answer: the same however the network cuts it, and exactly what its lines say."""

from __future__ import annotations

import asyncio
import json
from math import isnan
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.answer import Answer, Habits
from keepwell.bench.direct import Direct
from keepwell.bench.sample import Sample
from keepwell.bench.timed import Timed

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Written:
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        self.sent = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True


class InTurns(Direct):
    """A connection without a socket: who uses it says what comes when."""

    def __init__(self) -> None:
        self.slow = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def slow_down(self) -> None:
        self.slow = True

    def speed_up(self) -> None:
        self.slow = False

    def abort(self) -> None:
        pass


class Asked:
    """One connection with one request on it, and how it ended."""

    def __init__(self, *, stream: bool = True, direct: Direct | None = None, closely: bool = True) -> None:
        self.ended: list[Answer] = []
        self.lost = 0
        self.transport = Written()
        self.connection = Timed(Sample(1), Habits(), self._note, self._lose)
        self.connection.connection_made(direct or cast("asyncio.BaseTransport", self.transport))
        self.closely = closely
        self.ask(stream=stream)

    def ask(self, *, stream: bool = True) -> None:
        self.answer = Answer(0, 0.0, stream=stream, closely=self.closely)
        self.connection.begin(self.answer, b"POST / HTTP/1.1\r\n\r\n")

    def _note(self, connection: Timed, answer: Answer) -> None:
        self.ended.append(answer)

    def _lose(self, connection: Timed) -> None:
        self.lost += 1

    def feed(self, *reads: bytes) -> Answer:
        for one in reads:
            self.connection.data_received(one)
        return self.answer


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(data: object) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def token(text: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


ROLE = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 16, "completion_tokens": 40}})
DONE = b"data: [DONE]\n\n"


def stream_of(tokens: int) -> list[bytes]:
    """The reads of one answer, as a server sends them: a chunk each."""
    return [HEAD, chunk(ROLE), *[chunk(token(f"t{n}")) for n in range(tokens)], chunk(USAGE), chunk(DONE), b"0\r\n\r\n"]


def test_a_stream_of_tokens() -> None:
    asked = Asked()
    answer = asked.feed(*stream_of(40))
    assert (answer.outcome, answer.events, answer.pieces) == ("ok", 40, 40)
    assert (answer.said.input_tokens, answer.said.output_tokens) == (16, 40)
    assert answer.sent <= answer.first < answer.last <= answer.ended
    assert len(asked.connection.sample.kept) == 39
    assert asked.ended == [answer]
    assert not asked.connection.closed


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 6))
def test_cuts_change_nothing_but_the_number_of_reads(data: st.DataObject, tokens: int) -> None:
    whole = b"".join(stream_of(tokens))
    places = data.draw(st.lists(st.integers(0, len(whole)), max_size=12).map(sorted))
    reads = [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True) if a < b]
    asked = Asked()
    answer = asked.feed(*reads)
    asked.connection.settle()
    assert answer.outcome == "ok"
    assert answer.said.output_tokens == 40
    assert answer.events <= len(reads)
    assert (answer.events > 0) is (tokens > 0)
    assert answer.pieces == tokens
    assert isnan(answer.first) is (tokens == 0)


def test_a_connection_carries_many_requests() -> None:
    asked = Asked()
    for _ in range(3):
        asked.feed(*stream_of(3))
        asked.answer = Answer(1, 0.0, stream=True)
        asked.connection.begin(asked.answer, b"POST / HTTP/1.1\r\n\r\n")
    assert [one.pieces for one in asked.ended] == [3, 3, 3]


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (b'HTTP/1.1 429 X\r\ncontent-length: 28\r\n\r\n{"error":"slow down please"}', "overloaded", "slow down"),
        (b"HTTP/1.1 401 X\r\ncontent-length: 2\r\n\r\n{}", "refused", "HTTP 401"),
        (b"HTTP/1.1 404 X\r\ncontent-length: 9\r\n\r\nnot found", "bad_request", "not found"),
        (b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n", "server_error", "HTTP 500"),
        (HEAD + chunk(token("a")) + b"0\r\n\r\n", "truncated", "without saying so"),
        (
            HEAD + chunk(b'data: {"error":{"message":"out of memory"}}\n\n') + b"0\r\n\r\n",
            "server_error",
            "out of memory",
        ),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "invalid", "no answer"),
        (HEAD + chunk(token("a")) + b"zz\r\n", "invalid", "no answer"),
    ],
)
def test_how_it_ended(answer: bytes, outcome: str, words: str) -> None:
    asked = Asked()
    found = asked.feed(answer)
    assert found.outcome == outcome
    assert words in found.error


def test_a_connection_that_is_cut() -> None:
    asked = Asked()
    asked.feed(*stream_of(5)[:4])
    asked.connection.connection_lost(None)
    assert asked.answer.outcome == "cut"
    assert asked.answer.events == 2
    assert asked.connection.closed


def test_lines_of_a_native_format() -> None:
    def line(more: dict[str, object]) -> bytes:
        return chunk(json.dumps({"model": "m", **more}).encode() + b"\n")

    reads = [line({"message": {"role": "assistant", "content": f"t{n}"}, "done": False}) for n in range(30)]
    last = {"message": {"role": "assistant", "content": ""}, "done": True, "load_duration": 2_500_000_000}
    asked = Asked()
    answer = asked.feed(HEAD, *reads, line({**last, "prompt_eval_count": 7, "eval_count": 31}), b"0\r\n\r\n")
    assert (answer.outcome, answer.events, answer.said.input_tokens, answer.said.output_tokens) == ("ok", 30, 7, 31)
    assert answer.said.load_seconds == 2.5


def test_an_answer_that_is_no_stream() -> None:
    asked = Asked(stream=False)
    body = json.dumps({"object": "list", "usage": {"prompt_tokens": 5, "total_tokens": 5}}).encode()
    answer = asked.feed(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    assert (answer.outcome, answer.said.input_tokens) == ("ok", 5)
    assert isnan(answer.first)
    assert isnan(answer.said.output_tokens)


def play(asked: Asked, reads: list[tuple[float, bytes]], turn: float) -> Answer:
    """Hand a stream to a connection: while it is slow, all that came within a turn at once, as of the last of it."""
    answer, begin = asked.answer, asked.answer.sent
    direct = asked.connection.transport
    assert isinstance(direct, InTurns)
    waiting, due = b"", 0.0
    for number, (at, data) in enumerate(reads):
        if not direct.slow:
            asked.connection.received(data, begin + at)
            due = at + turn
            continue
        waiting += data
        if number + 1 == len(reads) or reads[number + 1][0] > due:
            asked.connection.received(waiting, begin + at)
            waiting, due = b"", at + turn
    return answer


def told(answer: Answer) -> tuple[object, ...]:
    """All that has to be the same however an answer is read."""
    times = [round(one - answer.sent, 6) for one in (answer.first, answer.last, answer.ended)]
    said = answer.said
    return (*times, answer.pieces, answer.outcome, answer.error, said.input_tokens, said.output_tokens)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.0005, 0.03), min_size=1, max_size=120),
    st.lists(st.sampled_from(["t", "tok ", 'a "quoted" one', "\\n", "ü", "data: x"]), min_size=1, max_size=120),
    st.floats(0.01, 0.3),
    st.booleans(),
)
def test_reading_in_turns_tells_the_same(gaps: list[float], words: list[str], turn: float, role: bool) -> None:
    """First token, end, number of tokens, usage and outcome, of a second answer too, whose server is known."""
    reads = [(0.001, HEAD), *[(0.002, chunk(ROLE))] * role]
    at = 0.02
    for word, gap in zip(words, gaps, strict=False):
        reads.append((at, chunk(token(word))))
        at += gap
    last = reads.pop()
    reads.append((last[0], last[1] + chunk(USAGE) + chunk(DONE) + b"0\r\n\r\n"))
    closely, in_turns = Asked(direct=InTurns()), Asked(direct=InTurns(), closely=False)
    for _ in range(3):
        expected, found = play(closely, reads, turn), play(in_turns, reads, turn)
        assert told(found) == told(expected)
        assert found.outcome == "ok"
        assert found.first == pytest.approx(found.sent + 0.02)
        assert isnan(found.make_row(0.0).events)
        assert not in_turns.connection.sample.kept
        closely.ask()
        in_turns.ask()


def test_an_error_in_an_answer_that_is_read_in_turns() -> None:
    asked = Asked(direct=InTurns(), closely=False)
    for _ in range(2):
        reads = [(0.0, HEAD), *[(0.02 + n / 100, chunk(token("t"))) for n in range(9)]]
        reads.append((0.2, chunk(b'data: {"error":{"message":"out of memory"}}\n\n') + b"0\r\n\r\n"))
        answer = play(asked, reads, 0.03)
        assert (answer.outcome, answer.error, answer.pieces) == ("server_error", "out of memory", 9)
        asked.ask()


def test_the_next_request_is_read_as_it_comes_until_its_first_token() -> None:
    asked = Asked(direct=InTurns(), closely=False)
    direct = asked.connection.transport
    assert isinstance(direct, InTurns)
    for _ in range(3):
        asked.connection.received(HEAD, 1.0)
        asked.connection.received(chunk(ROLE), 1.0)
        assert not direct.slow
        asked.connection.received(chunk(token("t")), 1.0)
        assert direct.slow
        asked.connection.received(chunk(token("t")) + chunk(DONE) + b"0\r\n\r\n", 1.0)
        assert not direct.slow
        asked.ask()
