"""Asks the models of one engine, and leaves its memory as it was.

A model that was in memory keeps the time that it was to stay; one that was not stays for a minute at most, should this
process be killed, and is unloaded when its questions are over, unless somebody else asks for it meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, EngineError, TimedOut
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing
from keepwell.core.text import cut_text, escape_controls
from keepwell.formats.said import Said, parse_said
from keepwell.plugins.ask import error_text
from keepwell.plugins.asking import send, send_stream
from keepwell.plugins.chat import Call, ChatAsk, Chats
from keepwell.plugins.engine import Engine, LoadedModel, ReportsLoaded
from keepwell.plugins.place import Site
from keepwell.plugins.promise import is_unable
from keepwell.plugins.residency import LoadsModels
from keepwell.transport.base import Reply, Streamed, Transport

#: Seconds that a model which was not in memory stays after a question: the next one comes at once.
KEEP_SECONDS = 60.0
#: Seconds by which a stay may be longer than ours before somebody else must have asked for it.
SLACK_SECONDS = 10.0
#: A stay of so many more seconds is meant for ever: an engine writes a year far away.
EVER_SECONDS = 10 * 365 * 86_400.0
#: Seconds for an answer of a model that may have to be loaded: a large one is read from a disk.
ANSWER_SECONDS = 120.0
#: Seconds for an engine to free the memory of a model.
UNLOAD_SECONDS = 20.0
#: Characters of an engine's words that are told.
SAID = 300


#: Of a question that got no answer.
NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a question. `state` is answered, silent (no answer in time), failed, refused (a key is wanted),
    or unable (the model or engine cannot do this); `why` says it unless it was answered.
    """

    state: str
    seconds: float
    status: int = 0
    said: Said = NOTHING_SAID
    body: bytes = b""
    why: str = ""


class Asker:
    """Of one engine; `close` when all is asked."""

    def __init__(self, site: Site, engine: Engine, transport: Transport, clock: Clock) -> None:
        self.site = site
        self.engine = engine
        self.transport = transport
        self.clock = clock
        self._before: dict[str, LoadedModel] = {}
        self._asked: dict[str, float] = {}
        self._embedded: set[str] = set()
        self._tells = False

    async def begin(self) -> tuple[LoadedModel, ...]:
        """What is in memory before anything is asked."""
        loaded = await self.list_loaded()
        self._before = {one.name: one for one in loaded}
        return loaded

    async def list_loaded(self) -> tuple[LoadedModel, ...]:
        """What is in memory now; () where the engine does not tell."""
        if not isinstance(self.engine, ReportsLoaded):
            return ()
        try:
            found = await self.engine.loaded(self.site, self.transport)
        except (AccessError, EngineError):
            return ()
        if isinstance(found, Missing):
            return ()
        self._tells = True
        return found

    def was_loaded(self, model: str) -> bool:
        """Whether it was in memory before anything was asked, or the engine does not tell."""
        return not self._tells or any(same_model(model, one) for one in self._before)

    async def ask(self, ask: ChatAsk, seconds: float = ANSWER_SECONDS) -> Answer:
        """One question, the whole answer."""
        if not isinstance(self.engine, Chats):
            return Answer(state="unable", seconds=0.0, why="how models of this engine are asked is not known")
        answer = await self.post(self.engine.chat(self._fit(ask)), ask.model, seconds)
        if answer.state == "answered":
            self._embedded.discard(ask.model)
        return answer

    async def embed(self, model: str, seconds: float = ANSWER_SECONDS) -> Answer:
        """The embedding of a few words: its body is to be read by who asked."""
        if not isinstance(self.engine, Chats):
            return Answer(state="unable", seconds=0.0, why="how models of this engine are asked is not known")
        self._embedded.add(model)
        return await self.post(self.engine.embed(model), model, seconds)

    async def stream(self, ask: ChatAsk, seconds: float) -> Streamed:
        """One question, the answer with the times of its parts. Raises AccessError."""
        assert isinstance(self.engine, Chats)
        self._asked[ask.model] = self.clock.now()
        self._embedded.discard(ask.model)
        call = self.engine.chat(self._fit(ask))
        return await send_stream(self.transport, self.site.url, call, api_key=self.site.api_key, seconds=seconds)

    async def post(self, call: Call, model: str, seconds: float) -> Answer:
        """Any request about this model."""
        self._asked[model] = self.clock.now()
        began = self.clock.monotonic()
        try:
            reply = await send(self.transport, self.site.url, call, api_key=self.site.api_key, seconds=seconds)
        except AccessError as error:
            state = {True: "silent", False: "failed"}[isinstance(error, TimedOut)]
            return Answer(state=state, seconds=self.clock.monotonic() - began, why=error.what)
        self._asked[model] = self.clock.now()
        return read_answer(reply, self.clock.monotonic() - began)

    async def leave(self, model: str) -> str:
        """Free its memory if it was not in memory before and nobody else wants it; gives a sentence for the reader,
        "" where nothing was to be done.
        """
        if self.was_loaded(model) or not self._tells or model not in self._asked:
            return ""
        now = self.clock.now()
        here = [one for one in await self.list_loaded() if same_model(one.name, model)]
        if not here:
            return ""
        longer = any(one.expires_at > now + KEEP_SECONDS + SLACK_SECONDS for one in here)
        if longer and model not in self._embedded:  # an embedding cannot say how long the model is to stay
            return f"{model} stays in memory: somebody else asked for it meanwhile"
        if not isinstance(self.engine, LoadsModels):
            return f"{model} stays in memory: this engine unloads none when asked"
        with contextlib.suppress(AccessError):
            call = self.engine.unload(model)
            reply = await send(self.transport, self.site.url, call, api_key=self.site.api_key, seconds=UNLOAD_SECONDS)
            if reply.status < 300:
                self._asked.pop(model, None)
                return f"{model} was loaded for it, and unloaded again"
        return f"{model} was loaded for it and could not be unloaded: it leaves within {KEEP_SECONDS:g} s"

    async def close(self) -> list[str]:
        """Leave all that was asked; sentences for the reader."""
        return [said for model in list(self._asked) if (said := await self.leave(model))]

    def _fit(self, ask: ChatAsk) -> ChatAsk:
        """With the context that it was loaded with, and the rest of its stay."""
        before = next((one for name, one in self._before.items() if same_model(name, ask.model)), None)
        keep, context = KEEP_SECONDS * self._tells, ask.context_tokens
        if before is not None:
            context = context or before.context_tokens
            keep = max(1.0, before.expires_at - self.clock.now()) * bool(before.expires_at)
        if keep > EVER_SECONDS:
            keep = -1.0
        return ChatAsk(
            model=ask.model,
            tokens=ask.tokens,
            stream=ask.stream,
            context_tokens=context,
            keep_seconds=keep,
            prompt=ask.prompt,
            tools=ask.tools,
        )


def read_answer(reply: Reply, seconds: float) -> Answer:
    """What an answer is. Pure."""
    if reply.status != 200:
        state = {401: "refused", 403: "refused"}.get(reply.status, "failed")
        state = {True: "unable", False: state}[is_unable(reply)]
        return Answer(state=state, seconds=seconds, status=reply.status, body=reply.body, why=error_text(reply))
    said = parse_said(reply.body)
    state = {True: "failed", False: "answered"}[bool(said.problem)]
    why = cut_text(escape_controls(said.problem), SAID)
    return Answer(state=state, seconds=seconds, status=200, said=said, body=reply.body, why=why)


def choose_smallest(sizes: Iterable[tuple[str, int]]) -> str:
    """The name of the smallest; one of unknown size (0) comes last. "" for none."""
    rows = sorted(sizes, key=_by_size)
    return next((name for name, _ in rows), "")


def _by_size(one: tuple[str, int]) -> float:
    return one[1] or float("inf")
