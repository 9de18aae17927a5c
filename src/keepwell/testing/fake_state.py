"""What a fake engine knows: its models, its faults, and the words that it answers with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from keepwell.testing.fake_http import FakeAnswer, FakeRequest


class Fault(StrEnum):
    """What can be wrong with a fake engine, one at a time for each path.

    Of the wire: `hang` (takes the request and never answers), `drop` (breaks the connection), `slow` (waits
    before each answer and word), `malformed` (JSON that is none), `truncated` (fewer bytes than promised),
    `huge` (a body without end, 64 MiB), `cut` (a stream that stops after three words).
    Of the engine, each as its flavour shows it: `loading`, `asleep`, `dead` (the process that runs the model
    is gone), `wrong_model` (another model answers), `busy` (the queue is full), `forbidden` (the Host header
    is refused), `broken` (every answer is an internal error).
    """

    NONE = "none"
    HANG = "hang"
    DROP = "drop"
    SLOW = "slow"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    HUGE = "huge"
    CUT = "cut"
    LOADING = "loading"
    ASLEEP = "asleep"
    DEAD = "dead"
    WRONG_MODEL = "wrong_model"
    BUSY = "busy"
    FORBIDDEN = "forbidden"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeModel:
    """A model that a fake engine offers; it answers " TAG 0001 0002 ..." up to `words`, as a tiny model does."""

    name: str = "tiny-alpha"
    tag: str = "alpha"
    words: int = 512
    size_bytes: int = 6_337_120
    gpu_ratio: float = 0.0
    context_tokens: int = 2048
    path: str = "/models/alpha.gguf"
    loaded: bool = True

    def answer(self, tokens: int) -> list[str]:
        """Its first words, each with the blank before it."""
        spoken = [self.tag, *(f"{number:04d}" for number in range(1, self.words + 1))]
        return [f" {word}" for word in spoken[:tokens]]


@dataclass(slots=True, kw_only=True)
class FakeState:
    """The changing part of a fake engine. Everything may be changed while it runs.

    `faults` are by path prefix, "" for all paths; the longest prefix that fits wins. `slow_seconds` is how
    long `slow` waits, `token_seconds` the pause between two words of a stream. `switches` are options of the
    flavour ("dev" for vLLM's development paths, "router" and "metrics" for llama.cpp's server), or of all ("able":
    see `fake_able`). `uses` counts questions about numbers that the engine takes for use of a model: they would keep
    it awake.
    """

    release: str = ""
    models: Sequence[FakeModel] = (FakeModel(),)
    api_key: str = ""
    switches: set[str] = field(default_factory=set)
    faults: dict[str, Fault] = field(default_factory=dict)
    slow_seconds: float = 0.2
    token_seconds: float = 0.0
    running: int = 0
    served: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    uses: int = 0

    def fault(self, path: str = "") -> Fault:
        """The fault that applies to a path."""
        fitting = [prefix for prefix in self.faults if path.startswith(prefix)]
        return self.faults[max(fitting, key=len)] if fitting else Fault.NONE

    def find_model(self, name: str) -> FakeModel | None:
        """The model of this name, with or without Ollama's tag."""
        for one in self.models:
            if name.removesuffix(":latest") == one.name.removesuffix(":latest"):
                return one
        return None

    @property
    def other_model(self) -> FakeModel:
        """The model that answers in place of the right one."""
        return FakeModel(name="other-model", tag="other")


class Flavour(Protocol):
    """How one engine speaks: a module-level object of a `fake_*` module."""

    release: str
    server: str

    def answer(self, state: FakeState, request: FakeRequest) -> FakeAnswer:
        """What this engine answers in this state."""
        ...

    def refuses_connections(self, state: FakeState) -> bool:
        """True while its port is closed (vLLM while it loads)."""
        ...


@dataclass(frozen=True, slots=True)
class FakeCall:
    """A tool call; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A request for words as every flavour understands it. `odds`: alternatives told of each word, -1 for none."""

    model: FakeModel
    words: Sequence[str]
    prompt_tokens: int
    stream: bool
    finished: str
    calls: Sequence[FakeCall] = ()
    odds: int = -1


def count_tokens(value: object) -> int:
    """Words in all texts of a request's messages or prompt: a fake's idea of tokens."""
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, Mapping):
        return count_tokens(value.get("content", ""))
    if isinstance(value, list):
        return sum(count_tokens(one) for one in value)
    return 0


def plan_generation(state: FakeState, model: FakeModel, asked: Mapping[str, object], limit: object) -> Generation:
    """The words that a request gets, and its counts added to the state."""
    if state.fault() is Fault.WRONG_MODEL:
        model = state.other_model
    prompt = count_tokens(asked.get("messages") or asked.get("prompt") or asked.get("input") or "")
    most = limit if isinstance(limit, int) and limit > 0 else model.words + 1
    words = model.answer(most)
    state.served += 1
    state.input_tokens += prompt
    state.output_tokens += len(words)
    finished = "length" if len(words) <= model.words else "stop"
    return Generation(
        model=model, words=words, prompt_tokens=prompt, stream=asked.get("stream") is True, finished=finished
    )


async def stream_words(
    state: FakeState,
    path: str,
    words: Sequence[str],
    render: Callable[[str], bytes],
    *,
    last: bytes,
    broken: bytes,
) -> AsyncGenerator[bytes | None, None]:
    """The words as rendered, then `last`. A dead runner says `broken` after three words, a cut stream nothing."""
    fault = state.fault(path)
    state.running += 1
    try:
        for place, word in enumerate(words):
            if place == WORDS_BEFORE_FAULT and fault is Fault.CUT:
                yield None
                return
            if place == WORDS_BEFORE_FAULT and fault is Fault.DEAD:
                yield broken
                return
            pause = state.slow_seconds if fault is Fault.SLOW else state.token_seconds
            if pause:
                await asyncio.sleep(pause)
            yield render(word)
        yield last
    finally:
        state.running -= 1


#: Words that come before a stream is cut or its runner dies.
WORDS_BEFORE_FAULT = 3
