"""Requests to `/v1/responses` in common words and back.

Nothing is remembered between requests: what needs a memory on the server (an earlier response, a conversation, work in
the background, a stored prompt) is refused by name. `store` is left out and named, as this is what it asks for.
"""

from __future__ import annotations

from typing import Any

import msgspec

from keepwell.dialects.openai.responses_items import read_items, write_items
from keepwell.plugins.asked import Asked, Json, Message, Shape, Tool
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.wire_json import read_body

#: What needs a memory, with the values that ask for none.
_REMEMBERED = {
    "previous_response_id": (b'""',),
    "conversation": (),
    "background": (b"false",),
    "prompt": (),
}
#: Values of further fields that ask for what happens anyway.
_USUAL = {
    "store": (b"false",),
    "truncation": (b'"disabled"',),
    "metadata": (b"{}",),
    "service_tier": (b'"auto"', b'"default"'),
}
#: Efforts of this format as other formats know them; none is no thinking at all.
_EFFORTS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
_LIKELIHOODS = "message.output_text.logprobs"


class _Tool(msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: Any = None
    strict: bool | None = None


class _Format(msgspec.Struct):
    type: str
    name: str | None = None
    schema: Any = None
    strict: bool | None = None


class _Text(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None


class _Request(msgspec.Struct):
    model: str
    input: str | list[msgspec.Raw]
    instructions: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    tools: list[_Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    stream: bool | None = None
    stream_options: Any = None
    user: str | None = None
    safety_identifier: str | None = None


_decode = msgspec.json.Decoder(_Request).decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_request(body: bytes) -> Asked:
    """The request in common words. Raises Unreadable."""
    fields = {name: bytes(value) for name, value in read_body(body, _decode_names).items()}
    for name, values in _REMEMBERED.items():
        if fields.get(name, b"null") not in (b"null", *values):
            raise Unreadable(f"{name} needs a server that remembers, and nothing is remembered here: send all of it")
    request = read_body(body, _decode)
    return Asked(
        model=request.model,
        stream=bool(request.stream),
        messages=_read_messages(request),
        tools=tuple(_read_tool(one, at) for at, one in enumerate(request.tools or ())),
        tool_choice=read_choice(request.tool_choice),
        parallel_calls=request.parallel_tool_calls,
        shape=_read_shape((request.text or _Text()).format),
        max_tokens=request.max_output_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        logprobs=_read_likelihoods(request),
        think=_read_think(request.reasoning),
        user=request.safety_identifier or request.user or "",
        unknown=_find_unknown(request, fields),
    )


def write_request(asked: Asked) -> bytes:
    """The request of these words, without what it cannot say."""
    instructions, messages = split_instructions(asked)
    body: dict[str, Json] = {"model": asked.model, "input": write_items(messages), "store": False}
    plain: dict[str, Json] = {
        "instructions": instructions,
        "stream": asked.stream or None,
        "max_output_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "parallel_tool_calls": asked.parallel_calls,
        "user": asked.user or None,
        "tool_choice": render_choice(asked.tool_choice),
        "tools": [render_tool(one) for one in asked.tools] or None,
    }
    body |= {name: value for name, value in plain.items() if value is not None}
    if asked.shape is not None:
        body["text"] = {"format": render_shape(asked.shape)}
    if asked.think is not None:
        body["reasoning"] = {"effort": render_effort(asked.think)}
    if asked.logprobs >= 0:
        body["include"] = [_LIKELIHOODS]
    if asked.logprobs > 0:
        body["top_logprobs"] = asked.logprobs
    return msgspec.json.encode(body)


def find_unsayable(asked: Asked) -> tuple[str, ...]:
    """Pictures elsewhere than in questions and results."""
    found = [f"images of the {one.role}" for one in asked.messages if one.images and one.role == "assistant"]
    return tuple(dict.fromkeys(found))


def split_instructions(asked: Asked) -> tuple[str | None, tuple[Message, ...]]:
    """The system prompt at the beginning if it is one text, and the other messages."""
    messages = asked.messages
    if messages and messages[0].role == "system" and messages[0].parts == (messages[0].text,):
        return messages[0].text, messages[1:]
    return None, messages


def render_tool(tool: Tool) -> Json:
    """A tool as requests and answers hold it."""
    made: dict[str, Json] = {"type": "function", "name": tool.name, "parameters": tool.parameters}
    if tool.description:
        made["description"] = tool.description
    return {**made, "strict": tool.strict}


def render_choice(choice: str) -> Json:
    """Who may choose a tool, None where nothing is said."""
    if choice.startswith("="):
        return {"type": "function", "name": choice[1:]}
    return choice or None


def render_shape(shape: Shape) -> Json:
    """`text.format`."""
    if shape.schema is None:
        return {"type": "json_object"}
    made: dict[str, Json] = {"type": "json_schema", "name": shape.name or "answer", "schema": shape.schema}
    if shape.strict is not None:
        made["strict"] = shape.strict
    return made


def render_effort(think: bool | str) -> str:
    """`reasoning.effort`; where it was only said that it thinks, what this interface takes by itself."""
    if think is True:
        return "medium"
    if think is False:
        return "none"
    return think


def read_choice(choice: object) -> str:
    """Who may choose a tool. Raises Unreadable."""
    if choice is None:
        return ""
    if choice in ("auto", "none", "required"):
        return str(choice)
    if isinstance(choice, dict) and choice.get("type") == "function" and isinstance(choice.get("name"), str):
        return f"={choice['name']}"
    raise Unreadable("tool_choice: only auto, none, required and a function by its name can be used")


def _read_messages(request: _Request) -> tuple[Message, ...]:
    told: tuple[Message, ...] = ()
    if request.instructions:
        told = (Message("system", (request.instructions,)),)
    if isinstance(request.input, str):
        return (*told, Message("user", tuple(filter(None, (request.input,)))))
    return told + read_items(request.input)


def _read_tool(tool: _Tool, at: int) -> Tool:
    if tool.type != "function":
        raise Unreadable(f"tools[{at}]: {tool.type} is one of OpenAI's own tools, only functions can be used")
    if not tool.name:
        raise Unreadable(f"tools[{at}]: it has no name")
    return Tool(tool.name, tool.description or "", tool.parameters, tool.strict)


def _read_shape(wished: _Format | None) -> Shape | None:
    if wished is None or wished.type == "text":
        return None
    if wished.type == "json_object":
        return Shape()
    if wished.type == "json_schema" and wished.schema is not None:
        return Shape(wished.schema, wished.name or "", wished.strict)
    raise Unreadable(f"text.format: {wished.type!r} is none of text, json_object, json_schema (with a schema)")


def _read_likelihoods(request: _Request) -> int:
    if request.top_logprobs:
        return request.top_logprobs
    if _LIKELIHOODS in (request.include or ()):
        return 0
    return -1


def _read_think(reasoning: _Reasoning | None) -> bool | str | None:
    if reasoning is None or reasoning.effort is None:
        return None
    if reasoning.effort not in _EFFORTS:
        raise Unreadable(f"reasoning.effort: {reasoning.effort!r} is none of {', '.join(_EFFORTS)}")
    return _EFFORTS[reasoning.effort]


def _find_unknown(request: _Request, fields: dict[str, bytes]) -> tuple[str, ...]:
    known = {*_Request.__struct_fields__, *_REMEMBERED}
    found = {
        name for name, value in fields.items() if name not in known and value not in (b"null", *_USUAL.get(name, ()))
    }
    if any(one != _LIKELIHOODS for one in request.include or ()):
        found.add("include")
    if (request.text or _Text()).verbosity is not None:
        found.add("text.verbosity")
    return tuple(sorted(found))
