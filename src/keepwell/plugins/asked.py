"""What a client asks of a model, whatever the wire format it asks in: one set of words for all dialects.

A field that the client did not set has its default, so that `find_set` tells what it asked for. Sampling settings
mean what OpenAI's and Ollama's papers mean by them; a format that has no such setting names its loss (see `codec`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

#: Decoded JSON.
Json: TypeAlias = object
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
#: What is wanted: an answer to a conversation, a text gone on with as it stands, or vectors.
Kind: TypeAlias = Literal["chat", "completion", "embed"]


class Image(msgspec.Struct, frozen=True):
    """A picture: an address, or its bytes in base64 with their media type ("" where the client did not tell)."""

    url: str = ""
    data: str = ""
    media_type: str = ""


class ToolCall(msgspec.Struct, frozen=True):
    """A call that the model made; `arguments` is JSON text as it wrote it, `id` is "" where a format has none."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True):
    """One turn. `parts` are texts and pictures in order; `calls` those of an assistant; a tool's result names its call
    by `call_id`, and its tool by `name` where the format does.
    """

    role: Role
    parts: tuple[str | Image, ...] = ()
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """Its texts as one."""
        return "".join(one for one in self.parts if isinstance(one, str))

    @property
    def images(self) -> tuple[Image, ...]:
        """Its pictures."""
        return tuple(one for one in self.parts if isinstance(one, Image))


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: Json = None
    strict: bool | None = None


class Shape(msgspec.Struct, frozen=True):
    """The form that the answer must have: any JSON object where `schema` is None, else JSON by that schema."""

    schema: Json = None
    name: str = ""
    strict: bool | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request.

    `prompts` are the texts of a completion or those to embed, `prompt_tokens` the same as token numbers.
    `tool_choice`: "" (not said), "auto", "none", "required", or "=NAME" for one tool. `think`: None (not said), or
    whether, or how hard ("low", "medium", "high"). `logprobs` is how many alternatives of each token are told, -1
    for no probabilities at all. `counts`: token counts are wanted at a stream's end; None where the format always
    tells them. `keep_alive` is JSON as the client wrote it (a number of seconds, or "5m"). `options` are further
    settings of an engine by their name there, `unknown` the names of fields that no format here knows.
    """

    model: str
    kind: Kind = "chat"
    stream: bool = False
    messages: tuple[Message, ...] = ()
    prompts: tuple[str, ...] = ()
    prompt_tokens: tuple[tuple[int, ...], ...] = ()
    #: False where one text was given outside a list: formats answer so, too.
    listed: bool = True
    suffix: str = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = ""
    parallel_calls: bool | None = None
    shape: Shape | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repeat_penalty: float | None = None
    logprobs: int = -1
    choices: int = 1
    echo: bool = False
    think: bool | str | None = None
    counts: bool | None = None
    keep_alive: Json = None
    raw: bool = False
    template: str = ""
    context: tuple[int, ...] = ()
    dimensions: int | None = None
    #: How vectors are written: "float", or "base64" (little-endian 32-bit).
    encoding: str = "float"
    truncate: bool | None = None
    user: str = ""
    options: dict[str, Json] = {}
    unknown: tuple[str, ...] = ()


#: Fields that every format has in some way; how vectors are written is a matter of the answer's writer alone.
ALWAYS = frozenset({"model", "kind", "stream", "listed", "counts", "unknown", "options", "encoding"})
_DEFAULTS = dict(
    zip(Asked.__struct_fields__[-len(Asked.__struct_defaults__) :], Asked.__struct_defaults__, strict=True)
)


def find_set(asked: Asked) -> frozenset[str]:
    """The fields that the client set to something else than the default."""
    return frozenset(name for name, usual in _DEFAULTS.items() if name not in ALWAYS and getattr(asked, name) != usual)
