"""What the recorder of golden streams asks each engine: a name, a path and a body each.

The models answer " TAG 0001 0002 ..."; a grammar (by a schema, or a tool that must be called) makes them write JSON
and true tool calls. Every case is asked as it stands; one that streams has "stream" in its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
MODEL, CALLER, THINKER = "tiny-alpha", "tiny-caller", "tiny-thinker"
CITY = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris"]}}, "required": ["city"]}
HOUR = {"type": "object", "properties": {"zone": {"type": "string", "enum": ["CET"]}}, "required": ["zone"]}
#: What a model says that calls both tools, and one that thinks first: pieces that no engine's parser may lose.
TWO_CALLS = (
    '<tool_call>\n{"name": "weather", ',
    '"arguments": {"city"',
    ': "Paris"}}\n</tool_call>',
    '\n<tool_call>\n{"name": "hour", ',
    '"arguments": {"zone": ',
    '"CET"}}\n</tool_call>',
)
THOUGHTS = ("<think>", "\nHow", " far", "?\n", "</think>", "\n\nTo", " three", ".")
ASK = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "count"}]
CALLED = [
    {"role": "user", "content": "weather?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}},
            {"id": "call_b", "type": "function", "function": {"name": "hour", "arguments": '{"zone":"CET"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_a", "content": "sunny"},
    {"role": "tool", "tool_call_id": "call_b", "content": "noon"},
]
#: A picture of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass(frozen=True, slots=True)
class Case:
    """One request. `what` is the end of its file's name."""

    path: str
    what: str
    body: Body
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.path.strip('/').replace('/', '-')}-{self.what}"


def both(path: str, what: str, body: Body, *, usual: bool = False) -> Iterator[Case]:
    """Whole and streamed; `usual` is what the format does where nothing is said."""
    yield Case(path, f"{what}-whole", {**body, **({"stream": False} if usual else {})})
    yield Case(path, f"{what}-stream", {**body, **({} if usual else {"stream": True})})


def tool(name: str, schema: Body) -> Body:
    """A function as OpenAI's and Ollama's formats say it."""
    return {"type": "function", "function": {"name": name, "description": f"Tells the {name}.", "parameters": schema}}


def shape(schema: Body) -> Body:
    """OpenAI's wish for JSON by a schema."""
    return {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": schema}}


def ask_special() -> Iterator[Case]:
    """A model that calls two tools, and one that thinks, in every format of conversations."""
    offered = [tool("weather", CITY), tool("hour", HOUR)]
    path = "/v1/chat/completions"
    body = {"model": CALLER, "messages": ASK, "max_tokens": 60, "temperature": 0, "tools": offered}
    yield from both(path, "call", body)
    yield from both(path, "think", {**body, "model": THINKER, "tools": []})
    path, head = "/v1/messages", {"anthropic-version": "2023-06-01"}
    known = [{"name": name, "input_schema": schema} for name, schema in (("weather", CITY), ("hour", HOUR))]
    body = {"model": CALLER, "messages": ASK[1:], "max_tokens": 60, "temperature": 0}
    yield from (Case(path, one.what, one.body, head) for one in both(path, "call", {**body, "tools": known}))
    yield from (Case(path, one.what, one.body, head) for one in both(path, "think", {**body, "model": THINKER}))
    path, body = "/v1/responses", {"model": CALLER, "input": "count", "max_output_tokens": 60, "store": False}
    functions = [{"type": "function", "strict": False, **one["function"]} for one in offered]
    yield from both(path, "call", {**body, "tools": functions})
    yield from both(path, "think", {**body, "model": THINKER})
    options = {"num_predict": 60, "num_thread": 1, "temperature": 0}
    path, body = "/api/chat", {"model": CALLER, "messages": ASK, "options": options}
    yield from both(path, "call", {**body, "tools": offered}, usual=True)
    yield from both(path, "think", {**body, "model": THINKER, "think": True}, usual=True)
    body = {"model": THINKER, "prompt": "count", "options": options, "think": True}
    yield from both("/api/generate", "think", body, usual=True)


def ask_chat() -> Iterator[Case]:
    """OpenAI's chat completions."""
    path, body = "/v1/chat/completions", {"model": MODEL, "messages": ASK, "max_tokens": 6, "temperature": 0}
    yield from both(path, "text", body)
    yield Case(path, "counted-stream", {**body, "stream": True, "stream_options": {"include_usage": True}})
    yield from both(path, "end", {**body, "max_tokens": 40})
    yield from both(path, "stop", {**body, "stop": ["0003"]})
    yield from both(path, "odds", {**body, "max_tokens": 2, "logprobs": True, "top_logprobs": 2})
    yield from both(path, "several", {**body, "max_tokens": 2, "n": 2})
    yield from both(path, "schema", {**body, "max_tokens": 160, "response_format": shape(CITY)})
    yield from both(path, "object", {**body, "response_format": {"type": "json_object"}})
    offered = {**body, "max_tokens": 160, "tools": [tool("weather", CITY), tool("hour", HOUR)]}
    yield from both(path, "offered", {**offered, "max_tokens": 4})
    yield from both(path, "results", {**body, "messages": CALLED, "tools": offered["tools"]})
    yield from both(path, "nomodel", {**body, "model": "nothing-like-it"})
    yield Case(path, "nomessages", {"model": MODEL})
    yield Case(path, "wrong", {**body, "messages": 7})
    yield Case(path, "long", {**body, "messages": [{"role": "user", "content": "word " * 3000}]})
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    parts = [{"type": "text", "text": "what?"}, picture]
    yield Case(path, "image", {**body, "messages": [{"role": "user", "content": parts}]})


def ask_completions() -> Iterator[Case]:
    """OpenAI's completions."""
    path, body = "/v1/completions", {"model": MODEL, "prompt": "count", "max_tokens": 6}
    yield from both(path, "text", body)
    yield Case(path, "counted-stream", {**body, "stream": True, "stream_options": {"include_usage": True}})
    yield from both(path, "stop", {**body, "stop": "0003"})
    yield from both(path, "odds", {**body, "max_tokens": 2, "logprobs": 2})
    yield from both(path, "list", {**body, "max_tokens": 2, "prompt": ["count", "again"]})
    yield Case(path, "nomodel", {**body, "model": "nothing-like-it"})
    yield Case(path, "noprompt", {"model": MODEL})


def ask_embeddings() -> Iterator[Case]:
    """OpenAI's embeddings."""
    path, body = "/v1/embeddings", {"model": "tiny-vectors", "input": "one"}
    yield Case(path, "one", body)
    yield Case(path, "list", {**body, "input": ["one", "two"]})
    yield Case(path, "base64", {**body, "encoding_format": "base64"})
    yield Case(path, "noinput", {"model": "tiny-vectors"})
    yield Case(path, "nomodel", {**body, "model": "nothing-like-it"})


def ask_responses() -> Iterator[Case]:
    """OpenAI's responses."""
    path, body = "/v1/responses", {"model": MODEL, "input": "count", "instructions": "Be short."}
    body |= {"max_output_tokens": 16, "store": False, "temperature": 0}
    yield from both(path, "text", body)
    text = {"format": {"type": "json_schema", "name": "place", "schema": CITY, "strict": True}}
    yield from both(path, "schema", {**body, "max_output_tokens": 160, "text": text})
    yield Case(path, "noinput", {"model": MODEL})


def ask_messages() -> Iterator[Case]:
    """Anthropic's messages."""
    path, head = "/v1/messages", {"anthropic-version": "2023-06-01"}
    body = {"model": MODEL, "system": "Be short.", "messages": ASK[1:], "max_tokens": 6, "temperature": 0}
    for what, one in (
        ("text", body),
        ("end", {**body, "max_tokens": 40}),
        ("stop", {**body, "stop_sequences": ["0003"]}),
    ):
        yield from (Case(path, made.what, made.body, head) for made in both(path, what, one))
    yield Case(path, "nomodel", {**body, "model": "nothing-like-it"}, head)
    yield Case(path, "nomessages", {"model": MODEL, "max_tokens": 4}, head)


def ask_ollama() -> Iterator[Case]:
    """Ollama's own four paths, streaming where nothing is said."""
    options = {"num_predict": 6, "num_thread": 1}
    path, body = "/api/chat", {"model": MODEL, "messages": ASK, "options": options}
    more = {**options, "num_predict": 160, "temperature": 0}
    yield from both(path, "text", body, usual=True)
    yield from both(path, "end", {**body, "options": more}, usual=True)
    yield from both(path, "stop", {**body, "options": {**options, "stop": ["0003"]}}, usual=True)
    yield from both(path, "schema", {**body, "options": more, "format": CITY}, usual=True)
    yield from both(path, "object", {**body, "format": "json"}, usual=True)
    offered = {**body, "tools": [tool("weather", CITY), tool("hour", HOUR)]}
    yield from both(path, "offered", offered, usual=True)
    yield from both(path, "results", {**offered, "messages": call_in_ollama()}, usual=True)
    yield Case(path, "load", {"model": MODEL, "options": {"num_thread": 1}})
    yield Case(path, "think", {**body, "think": True})
    yield Case(path, "nomodel", {**body, "model": "nothing-like-it"})
    yield Case(path, "wrong", {**body, "messages": 7})
    picture = {"role": "user", "content": "what?", "images": [PIXEL]}
    yield Case(path, "image", {**body, "messages": [picture]})
    yield from ask_generate(options)
    for path, name in (("/api/embed", "input"), ("/api/embeddings", "prompt")):
        one = {"model": "tiny-vectors", name: "one", "options": {"num_thread": 1}}
        yield Case(path, "one", one)
        yield Case(path, "nomodel", {**one, "model": "nothing-like-it"})
        yield Case(path, "nothing", {"model": "tiny-vectors"})
    yield Case("/api/embed", "list", {"model": "tiny-vectors", "input": ["one", "two"], "options": {"num_thread": 1}})


def ask_generate(options: Body) -> Iterator[Case]:
    """Ollama's completions."""
    path, body = "/api/generate", {"model": MODEL, "prompt": "count", "options": options}
    yield from both(path, "text", {**body, "system": "Be short."}, usual=True)
    yield from both(path, "raw", {**body, "raw": True}, usual=True)
    yield from both(
        path,
        "schema",
        {**body, "options": {**options, "num_predict": 160, "temperature": 0}, "format": CITY},
        usual=True,
    )
    yield Case(path, "context", {**body, "context": [5, 6, 7]})
    yield Case(path, "suffix", {**body, "suffix": "end"})
    yield Case(path, "load", {"model": MODEL, "options": {"num_thread": 1}})
    yield Case(path, "nomodel", {**body, "model": "nothing-like-it"})
    yield Case(path, "wrong", {**body, "prompt": 7})
    yield Case(path, "unload", {"model": MODEL, "keep_alive": 0})


def call_in_ollama() -> list[Body]:
    """`CALLED` in Ollama's form: arguments are objects, results have no id."""
    calls = [
        {"function": {"name": "weather", "arguments": {"city": "Paris"}}},
        {"function": {"name": "hour", "arguments": {"zone": "CET"}}},
    ]
    return [
        CALLED[0],
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "weather", "content": "sunny"},
        {"role": "tool", "tool_name": "hour", "content": "noon"},
    ]
