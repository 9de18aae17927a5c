"""What every client is held to: a wish, and what its answer has to be for a tiny model or for an able fake."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from tests.matrix.fleet import Served
from tests.matrix.wishes import ARGUMENTS, PIXEL, Asker, Said, Wish

Feature = Callable[[Asker, Served], None]
#: Words of a call's arguments as `Said` has them.
CALLS = list(ARGUMENTS.items())


def count(served: Served, words: int) -> str:
    """The first words of a model that counts, without the blank before them."""
    tag = served.counts.rpartition("-")[2]
    return " ".join([tag, *(f"{number:04d}" for number in range(1, words))])


def answers(ask: Asker, served: Served) -> None:
    """A whole answer, cut by max_tokens, with its counts."""
    said = ask(Wish(model=served.counts))
    assert said.text.strip().startswith(count(served, 6))
    assert said.reason == "length", said
    assert said.input_tokens > 0
    assert said.output_tokens >= 6


def streams(ask: Asker, served: Served) -> None:
    """The same in pieces, one a token."""
    said = ask(Wish(model=served.counts, stream=True))
    assert said.text.strip().startswith(count(served, 6))
    assert said.reason == "length", said
    assert said.pieces >= 6
    assert said.output_tokens >= 6


def system(ask: Asker, served: Served) -> None:
    """A system prompt: the fake repeats it; a real one has more input tokens by it."""
    said = ask(Wish(model=served.counts, system="Be very short and say nothing more."))
    if served.able:
        assert said.text.split()[1:3] == ["told", "Be"]
    else:
        assert said.input_tokens > ask(Wish(model=served.counts)).input_tokens


def stops(ask: Asker, served: Served) -> None:
    """A stop text, which is not part of the answer."""
    said = ask(Wish(model=served.counts, stop="0003"))
    assert said.text.strip() == count(served, 3)
    assert said.reason == "stop"


def seed(ask: Asker, served: Served) -> None:
    """A seed is taken."""
    assert ask(Wish(model=served.counts, seed=7)).text.strip() == count(served, 6)


def temperature(ask: Asker, served: Served) -> None:
    """Temperature 0 is taken."""
    assert ask(Wish(model=served.counts, temperature=0)).text.strip().startswith(count(served, 6))


def json_schema(ask: Asker, served: Served) -> None:
    """JSON by a schema."""
    wish = Wish(model=served.counts, json="schema", max_tokens=200, temperature=0)
    assert json.loads(ask(wish).text) == {"city": "Paris"}


def json_object(ask: Asker, served: Served) -> None:
    """Some JSON."""
    said = ask(Wish(model=served.counts, json="object", max_tokens=60))
    assert said.text.lstrip().startswith("{"), said


def calls(ask: Asker, served: Served) -> None:
    """Two calls at once, in the order in which the model made them."""
    _check_calls(ask(Wish(model=served.calls, tools="offer", max_tokens=60)))


def streams_calls(ask: Asker, served: Served) -> None:
    """The same in a stream."""
    _check_calls(ask(Wish(model=served.calls, tools="offer", max_tokens=60, stream=True)))


def results(ask: Asker, served: Served) -> None:
    """The results of two calls go back, each to its own."""
    said = ask(Wish(model=served.counts, tools="results", max_tokens=6))
    if served.able:
        assert said.text.split()[1:] == ["heard", "sunny", "noon"]
    else:
        assert said.text.split()[:1] == count(served, 1).split()


def image(ask: Asker, served: Served) -> None:
    """A picture beside the text."""
    assert PIXEL
    said = ask(Wish(model=served.counts, user="what?", image=True, max_tokens=20))
    assert said.text.split()[1:] == ["sees", "1"], said


def odds(ask: Asker, served: Served) -> None:
    """How likely each token was."""
    assert ask(Wish(model=served.counts, odds=True, max_tokens=3)).odds >= 3


FEATURES: Mapping[str, tuple[str, frozenset[str], Feature]] = {
    "whole": ("answer", frozenset(), answers),
    "stream": ("stream", frozenset(), streams),
    "system": ("system prompt", frozenset({"messages"}), system),
    "stop": ("stop", frozenset({"stop"}), stops),
    "seed": ("seed", frozenset({"seed"}), seed),
    "temperature": ("temperature", frozenset({"temperature"}), temperature),
    "schema": ("JSON by schema", frozenset({"shape"}), json_schema),
    "json": ("JSON mode", frozenset({"shape"}), json_object),
    "calls": ("parallel tool calls", frozenset({"tools"}), calls),
    "calls-stream": ("the same streamed", frozenset({"tools"}), streams_calls),
    "results": ("tool results", frozenset({"messages"}), results),
    "image": ("image", frozenset({"messages"}), image),
    "odds": ("logprobs", frozenset({"logprobs"}), odds),
}


def _check_calls(said: Said) -> None:
    assert said.calls == CALLS, said
    assert said.reason == "tools", said
