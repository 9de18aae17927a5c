"""Messages, tools and tool calls as Ollama writes them, in requests.

A picture stands beside the text; where `[img]` stands in a text, Ollama (0.9.3 and today) puts the next picture there,
else before it. Arguments of calls are JSON objects. Calls and results have ids since 0.12.10; without them a result
belongs to the first call of its tool's name that has none yet.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from keepwell.plugins.asked import Image, Json, Message, Role, Tool, ToolCall
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.pictures import parse_picture
from keepwell.plugins.wire_json import BROKEN, compact, explain

_ROLES: dict[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool",
}  # fmt: skip
PLACE = "[img]"
NO_PARAMETERS = {"type": "object", "properties": {}}


#: Where nothing stands; a `Raw` can be no part of a union.
NULL = msgspec.Raw(b"null")


class CalledFunction(msgspec.Struct):
    """What is called."""

    name: str | None = None
    arguments: msgspec.Raw = NULL


class Call(msgspec.Struct):
    """A tool call."""

    id: str | None = None
    function: CalledFunction | None = None


class Turn(msgspec.Struct):
    """A message. `name` is what some clients call `tool_name`."""

    role: str | None = None
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    name: str | None = None


class Function(msgspec.Struct):
    """A function that may be called. `strict` is not Ollama's: kept for who asks for it, it does no harm."""

    name: str | None = None
    description: str | None = None
    parameters: Json = None
    strict: bool | None = None


class Offer(msgspec.Struct):
    """A tool."""

    function: Function | None = None


def read_messages(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """The conversation. Raises Unreadable."""
    calls = _Calls()
    return tuple(_read_message(turn, calls) for turn in turns)


def read_tools(offers: Sequence[Offer]) -> tuple[Tool, ...]:
    """The tools. Raises Unreadable."""
    return tuple(_read_tool(offer) for offer in offers)


def read_arguments(raw: msgspec.Raw) -> str:
    """Arguments as JSON text; those that come as a text (as OpenAI's do) are that text. Raises one of BROKEN."""
    if raw == NULL:
        return "{}"
    text = compact(raw)
    if text.startswith('"'):
        return msgspec.json.decode(text, type=str)
    return text


def write_messages(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """The conversation in Ollama's words; a result names its tool also where only its call's id was told."""
    names = {call.id: call.name for one in messages for call in one.calls}
    return [_write_message(one, names) for one in messages]


def write_tools(tools: Sequence[Tool]) -> list[dict[str, Json]]:
    """The tools; one without parameters gets an empty object of them, which the models' templates need."""
    return [{"type": "function", "function": _write_function(tool)} for tool in tools]


def write_call(call: ToolCall, index: int = -1) -> dict[str, Json] | None:
    """A call, in answers with its index; None if its arguments are no JSON object."""
    arguments = find_object(call.arguments)
    if arguments is None:
        return None
    function: dict[str, Json] = {"name": call.name, "arguments": arguments}
    if index >= 0:
        function = {"index": index, **function}
    return {"id": call.id, "function": function}


def find_object(text: str) -> msgspec.Raw | None:
    """This JSON if it is an object, without line ends (lines end answers), {} for no text, else None."""
    try:
        found = text.strip().encode() or b"{}"
        msgspec.json.decode(found, type=dict[str, object])
        return msgspec.Raw(msgspec.json.format(found, indent=-1))
    except (*BROKEN, UnicodeEncodeError):
        return None


def find_unsayable_messages(messages: Sequence[Message]) -> tuple[str, ...]:
    """Pictures by address, and arguments that Ollama would not read."""
    found = []
    if any(image.url for one in messages for image in one.images):
        found.append("images by address")
    if any(find_object(call.arguments) is None for one in messages for call in one.calls):
        found.append("arguments of a tool call that are no JSON object")
    return tuple(found)


class _Calls:
    """Gives calls ids, and results the ids of their calls."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[ToolCall] = []

    def add(self, call: Call) -> ToolCall:
        """The call with an id."""
        function = call.function
        if function is None or not function.name:
            raise Unreadable("a tool call has no function name")
        try:
            arguments = read_arguments(function.arguments)
        except BROKEN as error:
            raise Unreadable(f"arguments of a tool call: {explain(error)}") from error
        made = ToolCall(call.id or f"call_{self._count}", function.name, arguments)
        self._count += 1
        self._open.append(made)
        return made

    def find_answered(self, turn: Turn) -> str:
        """The id of the call that this is the result of, "" if there is none."""
        name = turn.tool_name or turn.name
        for at, call in enumerate(self._open):
            if turn.tool_call_id in (None, "", call.id) and (turn.tool_call_id or not name or name == call.name):
                del self._open[at]
                return call.id
        return turn.tool_call_id or ""


def _read_message(turn: Turn, calls: _Calls) -> Message:
    role = _ROLES.get((turn.role or "").lower())
    if role is None:
        raise Unreadable(f"role {turn.role or ''!r} of a message is none of system, user, assistant, tool")
    call_id = ""
    if role == "tool":
        call_id = calls.find_answered(turn)
    return Message(
        role,
        read_parts(turn.content or "", turn.images or []),
        reasoning=turn.thinking or "",
        calls=tuple(calls.add(call) for call in turn.tool_calls or []),
        call_id=call_id,
        name=turn.tool_name or turn.name or "",
    )


def read_parts(text: str, pictures: Sequence[str]) -> tuple[str | Image, ...]:
    """Text and pictures in the order in which the model gets them."""
    images = [parse_picture(one) for one in pictures]
    pieces = text.split(PLACE, len(images))
    placed = len(pieces) - 1
    parts: list[str | Image] = [*images[placed:], pieces[0]]
    for image, piece in zip(images, pieces[1:], strict=False):
        parts += [image, piece]
    return tuple(part for part in parts if part != "")


def write_parts(parts: Sequence[str | Image]) -> str:
    """The text, with places for pictures unless all of them come first."""
    leading = next((at for at, part in enumerate(parts) if isinstance(part, str)), len(parts))
    texts = [part for part in parts[leading:] if isinstance(part, str)]
    if len(texts) == len(parts) - leading:
        return "".join(texts)
    return "".join(_write_part(part) for part in parts)


def write_pictures(images: Sequence[Image]) -> list[str]:
    """Those that have bytes, in base64."""
    return [image.data for image in images if image.data]


def _write_part(part: str | Image) -> str:
    if isinstance(part, str):
        return part
    return PLACE * bool(part.data)


def _write_message(one: Message, names: dict[str, str]) -> dict[str, Json]:
    fields: dict[str, Json] = {"role": one.role, "content": write_parts(one.parts)}
    beside = {
        "thinking": one.reasoning,
        "images": write_pictures(one.images),
        "tool_calls": [found for found in map(write_call, one.calls) if found is not None],
    }
    if one.role == "tool":
        beside |= {"tool_name": one.name or names.get(one.call_id, ""), "tool_call_id": one.call_id}
    return fields | {name: value for name, value in beside.items() if value}


def _read_tool(offer: Offer) -> Tool:
    function = offer.function
    if function is None or not function.name:
        raise Unreadable("a tool has no function name")
    return Tool(function.name, function.description or "", function.parameters, function.strict)


def _write_function(tool: Tool) -> dict[str, Json]:
    fields: dict[str, Json] = {"name": tool.name, "description": tool.description}
    fields["parameters"] = tool.parameters
    if tool.parameters is None:
        fields["parameters"] = NO_PARAMETERS
    if tool.strict is not None:
        fields["strict"] = tool.strict
    return fields
