"""Messages and tools of a chat."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from keepwell.plugins.asked import Image, Json, Message, Role, Tool, ToolCall
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.pictures import parse_picture, render_address

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class _Address(msgspec.Struct):
    url: str


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _Address | str | None = None


class _Function(msgspec.Struct):
    name: str
    arguments: str | dict[str, Json] | None = None


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class MessageFields(msgspec.Struct):
    """A message; `reasoning_content` is llama-server's name of what vLLM calls `reasoning`."""

    role: str
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    function_call: _Function | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Definition(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Json = None
    strict: bool | None = None


class ToolFields(msgspec.Struct):
    """A tool."""

    type: str = "function"
    function: _Definition | None = None


def read_message(found: MessageFields, place: str) -> Message:
    """The message at this place. Raises Unreadable, with the place."""
    role = _ROLES.get(found.role)
    if role is None:
        raise Unreadable(f"{place}.role: {found.role!r} is no role")
    calls = [*(found.tool_calls or ())]
    if found.function_call is not None:
        calls.append(_Call(found.function_call))
    return Message(
        role=role,
        parts=_read_content(found.content, place),
        reasoning=found.reasoning_content or found.reasoning or "",
        calls=tuple(ToolCall(one.id or "", one.function.name, _read_arguments(one.function)) for one in calls),
        call_id=found.tool_call_id or "",
        name=found.name or "",
    )


def write_message(message: Message) -> Json:
    """Both engines' names for what was thought are written, as each reads its own only."""
    row: dict[str, Json] = {"role": message.role, "content": _write_content(message)}
    if message.reasoning:
        row |= {"reasoning_content": message.reasoning, "reasoning": message.reasoning}
    if message.calls:
        row["tool_calls"] = [_write_call(one) for one in message.calls]
    if message.call_id:
        row["tool_call_id"] = message.call_id
    if message.name:
        row["name"] = message.name
    return row


def read_tools(found: Sequence[ToolFields]) -> tuple[Tool, ...]:
    """The functions. Raises Unreadable for tools that are none."""
    tools: list[Tool] = []
    for place, one in enumerate(found):
        if one.type != "function" or one.function is None:
            raise Unreadable(f"tools[{place}]: only functions are known here")
        told = one.function
        tools.append(Tool(told.name, told.description or "", told.parameters, told.strict))
    return tuple(tools)


def write_tool(tool: Tool) -> Json:
    """One function."""
    told: dict[str, Json] = {
        "description": tool.description or None,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    function: dict[str, Json] = {"name": tool.name}
    function |= {name: value for name, value in told.items() if value is not None}
    return {"type": "function", "function": function}


def read_choice(found: Json) -> str:
    """`tool_choice` in the words of `Asked`. Raises Unreadable."""
    if found is None:
        return ""
    if found in ("auto", "none", "required"):
        return str(found)
    if isinstance(found, dict):
        function = found.get("function")
        if found.get("type") == "function" and isinstance(function, dict) and isinstance(function.get("name"), str):
            return f"={function['name']}"
    raise Unreadable("tool_choice is auto, none, required, or one function")


def write_choice(choice: str) -> Json:
    """`tool_choice`."""
    if choice.startswith("="):
        return {"type": "function", "function": {"name": choice[1:]}}
    return choice


def _read_content(content: str | list[_Part] | None, place: str) -> tuple[str | Image, ...]:
    if not content:
        return ()
    if isinstance(content, str):
        return (content,)
    return tuple(_read_part(one, f"{place}.content[{number}]") for number, one in enumerate(content))


def _read_part(part: _Part, place: str) -> str | Image:
    if part.type in ("text", "input_text", "refusal"):
        return part.text or part.refusal or ""
    if part.type != "image_url" or part.image_url is None:
        raise Unreadable(f"{place}: parts of type {part.type!r} are not known here")
    address = part.image_url
    if isinstance(address, _Address):
        address = address.url
    image = parse_picture(address)
    if image.data == address:
        raise Unreadable(f"{place}: the address of an image is data:...;base64, http:// or https://")
    return image


def _write_content(message: Message) -> Json:
    if not message.parts:
        return {True: None, False: ""}[bool(message.calls)]
    if len(message.parts) == 1 and isinstance(message.parts[0], str):
        return message.parts[0]
    return [_write_part(one) for one in message.parts]


def _write_part(part: str | Image) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": render_address(part)}}


def _read_arguments(function: _Function) -> str:
    if isinstance(function.arguments, dict):
        return msgspec.json.encode(function.arguments).decode()
    return function.arguments or ""


def _write_call(call: ToolCall) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
