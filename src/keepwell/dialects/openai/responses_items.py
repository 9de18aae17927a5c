"""Messages as the items of `/v1/responses`, both ways.

One answer of a model is several items there (what it thought, what it said, each call), here one message: items that
follow each other are joined as far as they can be of one answer. Items of built-in tools, and those that only point at
something that a server keeps, are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from keepwell.plugins.asked import Image, Json, Message, Role, ToolCall
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.pictures import parse_address, render_address
from keepwell.plugins.wire_json import read_body

_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None


class _Kind(msgspec.Struct):
    type: str | None = None


class _Said(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _Thought(msgspec.Struct):
    summary: list[_Part] | None = None
    content: list[_Part] | None = None


class _Call(msgspec.Struct):
    call_id: str
    name: str
    arguments: str | None = None


class _Result(msgspec.Struct):
    call_id: str | None = None
    output: str | list[_Part] | None = None


_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_said = msgspec.json.Decoder(_Said).decode
_decode_thought = msgspec.json.Decoder(_Thought).decode
_decode_call = msgspec.json.Decoder(_Call).decode
_decode_result = msgspec.json.Decoder(_Result).decode


def read_items(items: Sequence[msgspec.Raw]) -> tuple[Message, ...]:
    """The messages that these items are. Raises Unreadable."""
    joined = _Joined()
    for at, item in enumerate(items):
        try:
            joined.add(_read_item(bytes(item)))
        except Unreadable as error:
            raise Unreadable(f"input[{at}]: {error}") from error
    return tuple(joined.messages)


def write_items(messages: Iterable[Message]) -> list[Json]:
    """The items that these messages are."""
    return [item for at, one in enumerate(messages) for item in _write_message(one, at)]


class _Joined:
    """Messages; those of the assistant that follow each other joined where one answer can be so."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def add(self, message: Message) -> None:
        """One more."""
        if self.messages and message.role == "assistant" and _is_same_answer(self.messages[-1], message):
            message = _join(self.messages.pop(), message)
        self.messages.append(message)


def _is_same_answer(before: Message, after: Message) -> bool:
    """Results have to follow their calls at once, so whatever stands between belongs to these; else thoughts come
    first, and an answer says one thing.
    """
    if before.role != "assistant":
        return False
    return bool(before.calls) or not before.parts or not (after.parts or after.reasoning)


def _join(before: Message, after: Message) -> Message:
    thoughts = "\n".join(filter(None, (before.reasoning, after.reasoning)))
    return Message("assistant", before.parts + after.parts, thoughts, before.calls + after.calls)


def _read_item(item: bytes) -> Message:
    kind = read_body(item, _decode_kind).type or "message"
    if kind == "message":
        return _read_said(read_body(item, _decode_said))
    if kind == "reasoning":
        thought = read_body(item, _decode_thought)
        entries = thought.content or thought.summary or []
        return Message("assistant", reasoning="\n".join(filter(None, (one.text for one in entries))))
    if kind == "function_call":
        call = read_body(item, _decode_call)
        return Message("assistant", calls=(ToolCall(call.call_id, call.name, call.arguments or ""),))
    if kind == "function_call_output":
        result = read_body(item, _decode_result)
        return Message("tool", _read_parts(result.output), call_id=result.call_id or "")
    if kind == "item_reference":
        raise Unreadable("item_reference points at what a server keeps, and none is kept here")
    raise Unreadable(f"items of type {kind} are of tools that only OpenAI's servers have")


def _read_said(said: _Said) -> Message:
    if said.role not in _ROLES:
        raise Unreadable(f"role: {said.role!r} is none of user, assistant, system, developer")
    return Message(_ROLES[said.role], _read_parts(said.content))


def _read_parts(content: str | list[_Part] | None) -> tuple[str | Image, ...]:
    if not content:
        return ()
    if isinstance(content, str):
        return (content,)
    return tuple(part for part in map(_read_part, content) if part != "")


def _read_part(part: _Part) -> str | Image:
    if part.type in ("input_text", "output_text", "text", "refusal"):
        return part.text or part.refusal or ""
    if part.type == "input_image" and part.image_url:
        return parse_address(part.image_url)
    if part.type == "input_image":
        raise Unreadable("a picture has to be given by image_url: files that a server keeps mean nothing here")
    raise Unreadable(f"parts of type {part.type!r} cannot be sent to this model")


def _write_message(message: Message, at: int) -> Iterator[Json]:
    if message.role == "tool":
        output = _write_content(message.parts, "input_text")
        yield {"type": "function_call_output", "call_id": message.call_id, "output": output}
    elif message.role == "assistant":
        yield from _write_answer(message, at)
    else:
        yield {"type": "message", "role": message.role, "content": _write_content(message.parts, "input_text")}


def _write_answer(message: Message, at: int) -> Iterator[Json]:
    if message.reasoning:
        content = [{"type": "reasoning_text", "text": message.reasoning}]
        yield {"type": "reasoning", "id": f"rs_{at}", "summary": [], "content": content}
    if message.parts or not (message.reasoning or message.calls):
        said: dict[str, Json] = {"type": "message", "role": "assistant"}
        content_ = _write_content(message.parts, "output_text")
        if not isinstance(content_, str):
            said |= {"id": f"msg_{at}", "status": "completed"}
        yield {**said, "content": content_}
    for call in message.calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments or "{}"}


def _write_content(parts: Sequence[str | Image], kind: str) -> Json:
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return [_write_part(part, kind) for part in parts if part != ""]


def _write_part(part: str | Image, kind: str) -> Json:
    if not isinstance(part, str):
        return {"type": "input_image", "image_url": render_address(part), "detail": "auto"}
    if kind == "output_text":
        return {"type": kind, "text": part, "annotations": []}
    return {"type": kind, "text": part}
