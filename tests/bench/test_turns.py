"""Which prompt is next."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.load import Prompt
from keepwell.bench.turns import Turn, Turns


def prompt(after: int = -1) -> Prompt:
    return Prompt(path="/", body=b"", model="m", after=after)


@settings(max_examples=25)
@given(st.data(), st.integers(0, 12))
def test_each_is_sent_once_and_never_before_what_it_follows(data: st.DataObject, count: int) -> None:
    afters = [data.draw(st.integers(-1, number - 1)) for number in range(count)]
    turns = Turns([prompt(after) for after in afters], None)
    sent: list[int] = []
    done: set[int] = set()
    under_way: list[Turn] = []
    while True:
        turn = turns.take()
        if turn is not None:
            assert turn.prompt.after < 0 or turn.prompt.after in done
            sent.append(turn.number)
            under_way.append(turn)
        elif under_way:
            ended = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            turns.ended(ended, b"", well=True)
            done.add(ended.number)
        else:
            break
    assert sorted(sent) == list(range(count))
    assert turns.exhausted
    assert not turns.waiting


def test_what_follows_a_failure_is_not_sent() -> None:
    turns = Turns([prompt(), prompt(0), prompt(1)], None)
    first = turns.take()
    assert first is not None
    assert turns.take() is None
    turns.ended(first, b"", well=False)
    assert turns.take() is None
    assert not turns.waiting


def test_what_is_made_of_an_answer_comes_first() -> None:
    turns = Turns([prompt(), prompt()], lambda before, body: Prompt(path="/next", body=body, model="m"))
    first = turns.take()
    assert first is not None
    turns.ended(first, b"said", well=True)
    made = turns.take()
    assert made is not None
    assert (made.prompt.path, made.prompt.body, made.number) == ("/next", b"said", -1)
