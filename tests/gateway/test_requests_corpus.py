"""The corpus of what clients send: each case, whole and in single bytes, has its one outcome and smuggles nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway.made import gateway
from tests.gateway.wire import body_for, no_loose_ends, read_answers, stub, talk

CORPUS = Path(__file__).parent / "corpus" / "requests.txt"
LAST = b"GET /the-last-one HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
BODY = body_for("one")


@dataclass(frozen=True)
class Case:
    """What is sent, which answers may come (one a place, or alternatives of one), how many requests an engine gets."""

    name: str
    data: bytes
    statuses: tuple[int, ...]
    engine: range
    more: bool

    @property
    def is_choice(self) -> bool:
        """True if any one of the statuses will do."""
        return not self.more and len(self.statuses) > 1 and self.statuses[0] >= 400


def read_corpus() -> list[Case]:
    """All cases."""
    cases = []
    for block in CORPUS.read_text("ascii").split("\n= ")[1:]:
        name, outcome, *lines = block.rstrip("\n").split("\n")
        statuses, _, engine = outcome.removeprefix("> ").partition(" | ")
        engine, more, _ = engine.partition(" + more")
        low, _, high = engine.partition("-")
        data = "".join(lines).encode("ascii").decode("unicode_escape").encode("latin-1")
        data = data.replace(b"{post}", POST).replace(b"{json}", BODY)
        data = data.replace(b"{n}", b"%d" % len(BODY)).replace(b"{x}", b"%x" % len(BODY))
        wished = tuple(int(one) for one in statuses.split())
        cases.append(Case(name, data, wished, range(int(low), int(high or low) + 1), bool(more)))
    return cases


CASES = read_corpus()


@pytest.mark.parametrize("case", CASES, ids=[one.name for one in CASES])
async def test_each_case_has_its_one_outcome(case: Case) -> None:
    async with stub() as engine, gateway([engine.port]) as running:
        with no_loose_ends():
            for cuts in ((), [1] * len(case.data)):
                engine.asked.clear()
                data = await talk(running.port, case.data + LAST, cuts)
                heads = [b"GET", b"HEAD"][case.data.startswith(b"HEAD") :]
                statuses = [one.status for one in read_answers(data, heads[:1])]
                check(case, statuses, data)
                assert len(engine.asked) in case.engine
                assert engine.wrong == []
        assert not running.gate.exchanges


def check(case: Case, statuses: list[int], data: bytes) -> None:
    """The answers are those of the case."""
    if case.more:
        assert statuses[-1:] == [404], data
        assert tuple(statuses[:-1]) == case.statuses, data
    elif case.is_choice:
        assert len(statuses) == 1, data
        assert statuses[0] in case.statuses, data
    else:
        assert tuple(statuses) == case.statuses, data


def test_the_corpus_is_large() -> None:
    assert len(CASES) == len({one.name for one in CASES}) > 80
