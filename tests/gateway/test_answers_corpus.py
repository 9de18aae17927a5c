"""The corpus of what engines send: right, too much, too little, twice, or no HTTP; nobody gets what is another's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepwell.gateway.choice.deadlines import Deadlines
from tests.gateway.made import gateway
from tests.gateway.wire import (
    Message,
    NoHttp,
    Stub,
    answer_for,
    answer_well,
    body_for,
    no_loose_ends,
    read_answers,
    stub,
    tag_of,
    talk,
)

CORPUS = Path(__file__).parent / "corpus" / "answers.txt"
FIRST, SECOND = "first-request", "second-request"


@dataclass(frozen=True)
class Case:
    """What the engine sends, piece by piece, whether it closes then, and what may become of it."""

    name: str
    pieces: tuple[bytes, ...]
    closes: bool
    outcomes: tuple[str, ...]


def read_corpus() -> list[Case]:
    """All cases."""
    cases = []
    for block in CORPUS.read_text("ascii").split("\n= ")[1:]:
        name, outcome, *lines = block.rstrip("\n").split("\n")
        text = "".join(lines)
        closes = text.endswith("{cut}")
        data = text.removesuffix("{cut}").encode("ascii").decode("unicode_escape").encode("latin-1")
        body = answer_for(FIRST)
        data = data.replace(b"{json}", body).replace(b"{n}", b"%d" % len(body)).replace(b"{x}", b"%x" % len(body))
        cases.append(Case(name, tuple(data.split(b"{wait}")), closes, tuple(outcome.removeprefix("> ").split())))
    return cases


CASES = read_corpus()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", CASES, ids=[one.name for one in CASES])
async def test_each_case_has_its_outcome_and_the_next_request_its_own_answer(case: Case, stream: bool) -> None:
    async def answer(number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if tag_of(request) != FIRST:
            return await answer_well(number, request, reader, writer)
        for place, piece in enumerate(case.pieces):
            if place:
                await writer.drain()
                await asyncio.sleep(0.01)  # a packet of its own
            writer.write(piece)
        return not case.closes

    async with stub(answer) as engine, gateway([engine.port], deadlines=Deadlines(first_byte_seconds=2.0)) as running:
        with no_loose_ends():
            later = _request(SECOND, False, close=True)
            if case.name.endswith("later"):  # what comes while the connection is idle ends it
                later = b"GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
            data = await talk(running.port, _request(FIRST, stream) + later)
            await asyncio.sleep(0.02 * case.name.endswith("later"))
            again = await talk(running.port, _request(SECOND, False, close=True))
        assert not running.gate.exchanges
        assert running.running == 0
    check(case, data, engine, stream)
    (last,) = read_answers(again)
    assert last.body == answer_for(SECOND)


def _request(tag: str, stream: bool, *, close: bool = False) -> bytes:
    body = body_for(tag, stream=stream, stream_options={})
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n" + b"connection: close\r\n" * close
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def check(case: Case, data: bytes, engine: Stub, stream: bool) -> None:
    """The first answer is what the case says, and the second one is right or, where the first broke off, not there."""
    assert b"LEAK" not in data, data
    assert engine.wrong == []
    try:
        first, *others = read_answers(data)
    except NoHttp as error:
        raise AssertionError(data) from error
    came = _outcome(first, stream)
    assert came & set(case.outcomes), (came, data)
    broke_off = first.status == 200 and b'"error"' in first.body
    if not first.whole or first.all(b"connection") or broke_off:
        assert others == []
    elif case.name.endswith("later"):
        assert [one.status for one in others] == [404]
    else:
        assert [(one.status, one.body) for one in others] == [(200, answer_for(SECOND))], data


def _outcome(first: Message, stream: bool) -> set[str]:
    if not first.whole:
        return {"told"}
    found = {str(first.status)}
    if first.status == 200 and first.body == answer_for(FIRST):
        return found | {"whole"}
    if first.status >= 400 or (stream and b'"error"' in first.body):
        found |= {"told"}
    return found


def test_the_corpus_is_large() -> None:
    assert len(CASES) == len({one.name for one in CASES}) > 45
