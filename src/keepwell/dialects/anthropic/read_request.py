"""Requests to `/v1/messages` in common words.

What only Anthropic's own servers can do (their tools, their files, documents that are no plain text) is refused by
name; what merely tunes them (caching, tiers, the size of a thinking budget) is named as unknown and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from keepwell.dialects.anthropic.thinking import Thinking, is_budget_lost, parse_think
from keepwell.plugins.asked import Asked, Image, Message, Shape, Tool, ToolCall
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.pictures import parse_address
from keepwell.plugins.wire_json import read_body

#: How this format names who may choose a tool.
CHOICES = {"auto": "auto", "any": "required", "none": "none"}
#: Fields that name something that only lives on Anthropic's servers.
_KEPT_THERE = ("container", "mcp_servers")
_NOTHING = msgspec.Raw(b"")


class _Source(msgspec.Struct):
    type: str = ""
    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    thinking: str | None = None
    source: _Source | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _NOTHING
    tool_use_id: str | None = None
    content: str | list[_Block] | None = None
    is_error: bool | None = None
    title: str | None = None
    cache_control: msgspec.Raw = _NOTHING


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block]


class _Tool(msgspec.Struct):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: Any = None
    strict: bool | None = None
    cache_control: msgspec.Raw = _NOTHING


class _Choice(msgspec.Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Format(msgspec.Struct):
    type: str
    schema: Any = None


class _Output(msgspec.Struct):
    effort: str | None = None
    format: _Format | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _Request(msgspec.Struct):
    model: str
    messages: list[_Message]
    system: str | list[_Block] | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[_Tool] | None = None
    tool_choice: _Choice | None = None
    thinking: Thinking | None = None
    output_config: _Output | None = None
    output_format: _Format | None = None
    metadata: _Metadata | None = None


_decode = msgspec.json.Decoder(_Request).decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_request(body: bytes) -> Asked:
    """The request in common words. Raises Unreadable."""
    request = read_body(body, _decode)
    fields = read_body(body, _decode_names)
    for name in _KEPT_THERE:
        if name in fields and bytes(fields[name]) not in (b"null", b"[]"):
            raise Unreadable(f"{name} is kept at Anthropic and means nothing here")
    if not request.messages:
        raise Unreadable("messages: there has to be one at least")
    known = _Request.__struct_fields__
    dropped = {name for name, value in fields.items() if name not in known and bytes(value) != b"null"}
    conversation = _Conversation(dropped)
    choice, think = request.tool_choice, parse_think(request.thinking, (request.output_config or _Output()).effort)
    if is_budget_lost(request.thinking, think, request.max_tokens):
        dropped.add("thinking.budget_tokens")
    return Asked(
        model=request.model,
        stream=bool(request.stream),
        messages=(*conversation.read_system(request.system), *conversation.read_messages(request.messages)),
        tools=tuple(conversation.read_tool(one, at) for at, one in enumerate(request.tools or ())),
        tool_choice=_read_choice(choice),
        parallel_calls=_read_parallel(choice),
        shape=_read_shape(request),
        max_tokens=request.max_tokens,
        stop=tuple(request.stop_sequences or ()),
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        think=think,
        user=(request.metadata or _Metadata()).user_id or "",
        unknown=tuple(sorted(dropped)),
    )


class _Conversation:
    """Reads system prompts, messages and tools; adds to `dropped` what of their inside is left out."""

    def __init__(self, dropped: set[str]) -> None:
        self._dropped = dropped

    def read_system(self, system: str | list[_Block] | None) -> Iterator[Message]:
        """The system prompt as a message, if there is one."""
        if system:
            yield Message("system", self._read_parts(system, "system"))

    def read_messages(self, messages: list[_Message]) -> Iterator[Message]:
        """The messages; a result of a tool becomes one of its own."""
        for at, one in enumerate(messages):
            where = f"messages[{at}]"
            if one.role == "user":
                yield from self._read_user(one.content, where)
            elif one.role == "assistant":
                yield self._read_assistant(one.content, where)
            elif one.role == "system":
                yield Message("system", self._read_parts(one.content, where))
            else:
                raise Unreadable(f"{where}.role: {one.role!r} is none of user, assistant, system")

    def read_tool(self, tool: _Tool, at: int) -> Tool:
        """A tool of the client's own."""
        if tool.type not in (None, "custom"):
            raise Unreadable(f"tools[{at}]: {tool.type} is one of Anthropic's own tools, only custom ones can be used")
        if not tool.name:
            raise Unreadable(f"tools[{at}]: it has no name")
        self._note(tool.cache_control, "cache_control")
        return Tool(tool.name, tool.description or "", tool.input_schema, tool.strict)

    def _read_user(self, content: str | list[_Block], where: str) -> Iterator[Message]:
        run: list[_Block] = []
        results = False
        for block in self._blocks(content):
            if block.type != "tool_result":
                run.append(block)
                continue
            if run:
                yield Message("user", self._read_parts(run, where))
            run, results = [], True
            yield self._read_result(block, where)
        if run or not results:
            yield Message("user", self._read_parts(run, where))

    def _read_result(self, block: _Block, where: str) -> Message:
        if not block.tool_use_id:
            raise Unreadable(f"{where}: a tool_result without tool_use_id")
        self._note(block.cache_control, "cache_control")
        if block.is_error:
            self._dropped.add("is_error")
        return Message("tool", self._read_parts(block.content or "", where), call_id=block.tool_use_id)

    def _read_assistant(self, content: str | list[_Block], where: str) -> Message:
        thoughts: list[str] = []
        calls: list[ToolCall] = []
        rest: list[_Block] = []
        for block in self._blocks(content):
            if block.type == "thinking":
                thoughts.append(block.thinking or "")
            elif block.type == "redacted_thinking":
                self._dropped.add("redacted_thinking")
            elif block.type == "tool_use":
                self._note(block.cache_control, "cache_control")
                calls.append(_read_call(block, where))
            else:
                rest.append(block)
        return Message("assistant", self._read_parts(rest, where), "\n".join(filter(None, thoughts)), tuple(calls))

    def _read_parts(self, content: str | list[_Block], where: str) -> tuple[str | Image, ...]:
        parts = [self._read_part(block, where) for block in self._blocks(content)]
        return tuple(part for part in parts if part != "")

    def _read_part(self, block: _Block, where: str) -> str | Image:
        self._note(block.cache_control, "cache_control")
        source = block.source or _Source()
        if block.type == "text":
            return block.text or ""
        if block.type == "image":
            return _read_image(source, where)
        if block.type == "document" and source.type == "text":
            return "\n".join(filter(None, (block.title, source.data)))
        raise Unreadable(
            f"{where}: blocks of type {block.type} {source.type}".rstrip() + " cannot be sent to this model"
        )

    def _blocks(self, content: str | list[_Block]) -> list[_Block]:
        if isinstance(content, str):
            return [_Block("text", content)]
        return content

    def _note(self, value: msgspec.Raw, name: str) -> None:
        if bytes(value) not in (b"", b"null"):
            self._dropped.add(name)


def _read_image(source: _Source, where: str) -> Image:
    if source.type == "base64" and source.data:
        return Image(data=source.data, media_type=source.media_type or "")
    if source.type == "url" and source.url:
        return parse_address(source.url)
    raise Unreadable(f"{where}: a picture has to be given by url or in base64, not by {source.type or 'nothing'}")


def _read_call(block: _Block, where: str) -> ToolCall:
    if not block.id or not block.name:
        raise Unreadable(f"{where}: a tool_use without id or name")
    given = bytes(block.input)
    if given in (b"", b"null"):
        given = b"{}"
    if not given.startswith(b"{"):
        raise Unreadable(f"{where}: the input of a tool_use is an object")
    try:
        return ToolCall(block.id, block.name, given.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"{where}: the input of a tool_use is not valid UTF-8") from error


def _read_choice(choice: _Choice | None) -> str:
    if choice is None:
        return ""
    if choice.type == "tool" and choice.name:
        return f"={choice.name}"
    if choice.type not in CHOICES:
        raise Unreadable(f"tool_choice: {choice.type!r} is none of auto, any, none, tool (with a name)")
    return CHOICES[choice.type]


def _read_parallel(choice: _Choice | None) -> bool | None:
    if choice is None or choice.disable_parallel_tool_use is None:
        return None
    return not choice.disable_parallel_tool_use


def _read_shape(request: _Request) -> Shape | None:
    wished = (request.output_config or _Output()).format or request.output_format
    if wished is None:
        return None
    if wished.type != "json_schema" or wished.schema is None:
        raise Unreadable(f"the output's format {wished.type!r} is not a json_schema with a schema")
    return Shape(wished.schema)
