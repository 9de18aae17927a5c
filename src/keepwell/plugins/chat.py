"""What an engine can be asked at the levels that let it work: capabilities beside those of `plugins.engine`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from keepwell.core.observation import Missing
from keepwell.core.secret import mask_text
from keepwell.plugins.place import Site
from keepwell.transport.base import Transport

#: What is said to a model: short, and harmless whatever it makes of it.
PROMPT = "Count from one to twenty."
#: The tool that a model may be offered, as every engine here takes it: nothing is ever called.
TOOL_NAME = "get_weather"
TOOL: Mapping[str, object] = {
    "type": "function",
    "function": {
        "name": TOOL_NAME,
        "description": "The weather of a city now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: method, path on the engine's address, and a JSON body (b"" for none)."""

    method: str
    path: str
    body: bytes = b""

    def shown(self, url: str) -> str:
        """As a person would repeat it: "POST http://... {"model": ...}"; a password in the URL is masked."""
        return f"{self.method} {mask_text(url)}{self.path} {self.body.decode('utf-8', 'replace')}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAsk:
    """A short answer that is wanted of a model, at temperature 0, of at most so many tokens.

    `context_tokens` is the context that the model is loaded with, 0 if not known; `keep_seconds` is how much longer
    it was to stay in memory (negative: for ever, 0: not known), so that asking need not change either. `prompt` is what
    is said to it; with `tools` it may call `TOOL`.
    """

    model: str
    tokens: int
    stream: bool = False
    context_tokens: int = 0
    keep_seconds: float = 0.0
    prompt: str = PROMPT
    tools: bool = False


ReplyForm: TypeAlias = Literal["json", "text", "metrics", "chat", "events", "lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A path that an engine of this kind answers, and the form of the answer.

    `fields` are what its JSON must have (see `formats.json_shape`), or names of metrics of which one must be there.
    `form` chat is a whole answer of a model; events and lines are its streams. `off_status` are the statuses by
    which the engine says that it was started without this, which is no fault; `option` switches it on.
    """

    call: Call
    form: ReplyForm
    fields: tuple[str, ...] = ()
    off_status: tuple[int, ...] = ()
    option: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimit:
    """How many requests one model answers at once: as the engine runs, and as its settings ask (0: not told).

    `waiting` is how many more may wait (0: no limit is known); `setting` is the name of the setting that asks.
    """

    at_once: int
    asked: int = 0
    waiting: int = 0
    setting: str = ""


@runtime_checkable
class Chats(Protocol):
    """An engine whose models can be asked for an answer and for an embedding."""

    def chat(self, ask: ChatAsk) -> Call:
        """The request for an answer, in the engine's own way. Pure."""
        ...

    def embed(self, model: str) -> Call:
        """The request for the embedding of a few words. Pure."""
        ...


@runtime_checkable
class PromisesPaths(Protocol):
    """An engine of which is known what it must answer."""

    def promises(self, model: str) -> tuple[Promise, ...]:
        """All paths that every server of this kind answers; those that need a model are asked with this one, and
        left out where it is "". Pure.
        """
        ...


@runtime_checkable
class LimitsRequests(Protocol):
    """An engine that answers a known number of requests at once."""

    def request_limit(self, settings: Mapping[str, str], slots: int) -> RequestLimit | Missing:
        """From its settings in force by name, and the slots that it told of the loaded model (0: none). Pure."""
        ...


@runtime_checkable
class NamesDigests(Protocol):
    """An engine that tells which bytes a loaded model was made of."""

    async def loaded_digests(self, site: Site, transport: Transport) -> Mapping[str, str] | Missing:
        """The digest of each model in memory by its name, in the form that `ModelInfo.digest` has."""
        ...


def openai_chat(ask: ChatAsk) -> Call:
    """The request for an answer in the OpenAI form, which every engine here speaks."""
    body: dict[str, object] = {
        "model": ask.model,
        "messages": [{"role": "user", "content": ask.prompt}],
        "max_tokens": ask.tokens,
        "temperature": 0,
        "stream": ask.stream,
    }
    if ask.tools:
        body["tools"] = [TOOL]
    if ask.stream:
        body["stream_options"] = {"include_usage": True}
    return Call(method="POST", path="/v1/chat/completions", body=msgspec.json.encode(body))


def openai_embed(model: str) -> Call:
    """The request for an embedding in the OpenAI form."""
    body = msgspec.json.encode({"model": model, "input": PROMPT})
    return Call(method="POST", path="/v1/embeddings", body=body)


#: What a list of models of the OpenAI form has.
LIST_FIELDS = ("object:text", "data:list", "data[].id:text")
#: What an embedding has. The status of a server that was not started for it, or of a model that has none, is no fault.
EMBEDDING_FIELDS = ("data:list", "data[].embedding:list", "model:text")
NO_EMBEDDING = (404, 405, 501)


def openai_promises(model: str) -> tuple[Promise, ...]:
    """What every server of the OpenAI form answers: the list, and with a model an answer, a stream, an embedding."""
    listed = Promise(call=Call(method="GET", path="/v1/models"), form="json", fields=LIST_FIELDS)
    if not model:
        return (listed,)
    ask = ChatAsk(model=model, tokens=2)
    streamed = ChatAsk(model=model, tokens=2, stream=True)
    return (
        listed,
        Promise(call=openai_chat(ask), form="chat"),
        Promise(call=openai_chat(streamed), form="events"),
        Promise(call=openai_embed(model), form="json", fields=EMBEDDING_FIELDS, off_status=NO_EMBEDDING),
    )
