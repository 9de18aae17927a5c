"""Requests to `/v1/messages` written from common words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from keepwell.dialects.anthropic.thinking import render_think
from keepwell.plugins.answer_parts import render_arguments
from keepwell.plugins.asked import Asked, Image, Json, Message, Shape, Tool
from keepwell.plugins.pictures import find_media_type

#: Most tokens where the client did not say: this format wants a number. llama-server takes the same one.
USUAL_MOST_TOKENS = 4096
#: Those whose pictures have no place in it.
_TELLING = ("system", "assistant")
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def write_request(asked: Asked) -> bytes:
    """The request of these words, without what it cannot say."""
    most = asked.max_tokens
    if most is None:
        most = USUAL_MOST_TOKENS
    body: dict[str, Json] = {"model": asked.model, "max_tokens": most}
    system, messages = _split_system(asked.messages)
    plain: dict[str, Json] = {
        "system": system,
        "stream": asked.stream or None,
        "stop_sequences": asked.stop or None,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
    }
    body |= {name: value for name, value in plain.items() if value is not None}
    body["messages"] = list(_render_messages(messages))
    if asked.tools:
        body["tools"] = [_render_tool(one) for one in asked.tools]
        body |= _render_choice(asked)
    body |= render_think(asked.think, most)
    if asked.shape is not None and asked.shape.schema is not None:
        body["output_config"] = _render_output(asked.shape, asked.think)
    if asked.user:
        body["metadata"] = {"user_id": asked.user}
    return msgspec.json.encode(body)


def find_unsayable(asked: Asked) -> tuple[str, ...]:
    """Pictures elsewhere than in questions and results."""
    found = [f"images of the {one.role}" for one in asked.messages if one.images and one.role in _TELLING]
    return tuple(dict.fromkeys(found))


def _split_system(messages: Sequence[Message]) -> tuple[Json, Sequence[Message]]:
    """The system prompt at the beginning, and the rest; a later one stays where it stands, as a message."""
    if messages and messages[0].role == "system":
        return _render_content(messages[0].parts) or None, messages[1:]
    return None, messages


def _render_messages(messages: Sequence[Message]) -> Iterator[dict[str, Json]]:
    """Results that follow each other become one message, as this format wants it."""
    results: list[Json] = []
    for one in messages:
        if one.role == "tool":
            results.append({"type": "tool_result", "tool_use_id": one.call_id, "content": _render_content(one.parts)})
            continue
        if results:
            yield {"role": "user", "content": results}
            results = []
        yield {"role": one.role, "content": _render_turn(one)}
    if results:
        yield {"role": "user", "content": results}


def _render_turn(message: Message) -> Json:
    if not message.reasoning and not message.calls:
        return _render_content(message.parts)
    blocks: list[Json] = []
    if message.reasoning:
        blocks.append({"type": "thinking", "thinking": message.reasoning, "signature": ""})
    blocks += [_render_part(part) for part in message.parts if part != ""]
    for call in message.calls:
        given = render_arguments(call.arguments)
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": given})
    return blocks


def _render_content(parts: Sequence[str | Image]) -> Json:
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return [_render_part(part) for part in parts if part != ""]


def _render_part(part: str | Image) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.url:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    source = {"type": "base64", "media_type": find_media_type(part), "data": part.data}
    return {"type": "image", "source": source}


def _render_output(shape: Shape, think: bool | str | None) -> Json:
    made: dict[str, Json] = {"format": {"type": "json_schema", "schema": shape.schema}}
    if isinstance(think, str):
        made["effort"] = think
    return made


def _render_tool(tool: Tool) -> Json:
    schema = tool.parameters
    if schema is None:
        schema = {"type": "object", "properties": {}}
    made: dict[str, Json] = {"name": tool.name, "input_schema": schema}
    if tool.description:
        made["description"] = tool.description
    if tool.strict is not None:
        made["strict"] = tool.strict
    return made


def _render_choice(asked: Asked) -> dict[str, Json]:
    if not asked.tool_choice and asked.parallel_calls is None:
        return {}
    choice: dict[str, Json] = {"type": _CHOICES.get(asked.tool_choice, "auto")}
    if asked.tool_choice.startswith("="):
        choice = {"type": "tool", "name": asked.tool_choice[1:]}
    if asked.parallel_calls is not None:
        choice["disable_parallel_tool_use"] = not asked.parallel_calls
    return {"tool_choice": choice}
