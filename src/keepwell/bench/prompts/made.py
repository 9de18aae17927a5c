"""Made requests: texts of wished lengths that begin differently, with a shared prefix or in turns where that is wished.

A request is the engine's own for a short answer with another text in it, so that its context and stay are as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from msgspec import structs

from keepwell.bench.lengths import Lengths
from keepwell.bench.load import Prompt
from keepwell.bench.prompts.words import USUAL_PACE, Pace, make_text
from keepwell.plugins.answer_events import Text
from keepwell.plugins.asked import Asked, Message
from keepwell.plugins.codec import Codec, read_whole

#: Lengths where none are wished: a short question, and an answer of a few sentences.
INPUT, OUTPUT = Lengths(first=128), Lengths(first=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How requests are written: their path, its codec, and a request of the engine's own that is filled in."""

    path: str
    codec: Codec
    asked: Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What is asked: lengths in tokens, turns of a conversation, tokens of a prefix that all share.

    The shared prefix is part of the prompt's length. `seed` makes the same lengths again; `nonce` is another one in
    each run, so that an engine that keeps beginnings of prompts does not know them from the run before.
    """

    input: Lengths = INPUT
    output: Lengths = OUTPUT
    turns: int = 1
    shared_tokens: int = 0
    seed: int = 1
    nonce: str = ""
    pace: Pace = USUAL_PACE

    def __str__(self) -> str:
        said = f"made prompts of {self.input} tokens, answers of at most {self.output}"
        if self.turns > 1:
            said += f", {self.turns} turns"
        if self.shared_tokens:
            said += f", {self.shared_tokens} tokens shared"
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One request: tokens of its prompt and answer, its instant, and what is its own (`seed`).

    `shared` are seeds of parts that its text begins with, each with its tokens: one seed is one text in a run.
    """

    seed: str
    input_tokens: int
    output_tokens: int
    at: float = 0.0
    shared: tuple[tuple[str, int], ...] = ()


def make_prompts(form: Form, workload: Workload) -> Iterator[Prompt]:
    """Requests without end; each stands for itself, or begins a conversation."""
    random = Random(workload.seed)
    turns = workload.turns
    if form.asked.kind == "embed":
        turns = 1
    for number in count():
        sizes = [_draw(workload, random, f"{number}.{turn}", first=not turn) for turn in range(turns)]
        yield _Talk(form, workload, sizes).ask(())


def make_prompt(form: Form, workload: Workload, size: Size) -> Prompt:
    """One request of this size that stands for itself."""
    return _Talk(form, workload, [size]).ask(())


class _Talk:
    """One conversation: each turn is asked after the answer to the one before, with all that was said."""

    def __init__(self, form: Form, workload: Workload, sizes: Sequence[Size]) -> None:
        self._form = form
        self._workload = workload
        self._size, *self._later = sizes

    def ask(self, said: tuple[Message, ...]) -> Prompt:
        """The next turn, after what was said."""
        form, size = self._form, self._size
        self._said = (*said, Message(role="user", parts=(render_text(self._workload, size),)))
        asked = fill(form.asked, self._said, size.output_tokens)
        follow = {True: self._follow, False: None}[bool(self._later)]
        return Prompt(
            path=form.path,
            body=form.codec.write_request(asked),
            model=asked.model,
            stream=asked.stream,
            at=size.at,
            input_tokens=size.input_tokens,
            output_tokens=size.output_tokens,
            follow=follow,
        )

    def _follow(self, body: bytes) -> Prompt | None:
        events = read_whole(self._form.codec, body, stream=self._form.asked.stream)
        text = "".join(one.text for one in events if isinstance(one, Text))
        self._size, *self._later = self._later
        return self.ask((*self._said, Message(role="assistant", parts=(text,))))


def render_text(workload: Workload, size: Size) -> str:
    """The text of this size: what it shares, then what is its own, at least one word of it."""
    left, texts = workload.pace.find_words(size.input_tokens), []
    for seed, tokens in size.shared:
        words = min(left - 1, round(tokens / workload.pace.per_word))
        texts.append(make_text(f"{workload.nonce}:{seed}", max(0, words)))
        left -= max(0, words)
    texts.append(make_text(f"{workload.nonce}:{workload.seed}:{size.seed}", left))
    return " ".join(filter(None, texts))


def fill(asked: Asked, said: Sequence[Message], output_tokens: int) -> Asked:
    """The engine's own request with another text, and as many tokens of answer."""
    if asked.kind == "embed":
        return structs.replace(asked, prompts=(said[-1].text,), messages=())
    if asked.kind == "completion":
        text = "\n".join(one.text for one in said)
        return structs.replace(asked, prompts=(text,), max_tokens=output_tokens)
    return structs.replace(asked, messages=tuple(said), max_tokens=output_tokens)


def _draw(workload: Workload, random: Random, seed: str, *, first: bool) -> Size:
    shared: tuple[tuple[str, int], ...] = ()
    if workload.shared_tokens and first:
        shared = (("shared", workload.shared_tokens),)
    return Size(
        seed=seed,
        input_tokens=workload.input.draw(random),
        output_tokens=workload.output.draw(random),
        shared=shared,
    )
