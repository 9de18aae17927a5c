"""The official `anthropic` client: messages."""

from __future__ import annotations

from typing import Any

import anthropic

from tests.matrix.wishes import ARGUMENTS, PIXEL, RESULTS, TOOLS, NoSuchCall, Said, Wish, only

_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tools"}


def ask_messages(client: anthropic.Anthropic, wish: Wish) -> Said:
    """`client.messages.create` and `client.messages.stream`."""
    only(wish, "seed", "odds", "json")
    if wish.temperature is not None:  # the client has no such argument any more
        raise NoSuchCall("temperature")
    body: dict[str, Any] = {"model": wish.model, "messages": _turns(wish), "max_tokens": wish.max_tokens}
    if wish.system:
        body["system"] = wish.system
    if wish.stop:
        body["stop_sequences"] = [wish.stop]
    if wish.tools:
        body["tools"] = [{"name": name, "input_schema": schema} for name, schema in TOOLS.items()]
    if wish.tools == "must":
        body |= {"tools": body["tools"][:1], "tool_choice": {"type": "any"}}
    said = Said()
    if wish.stream:
        with client.messages.stream(**body) as stream:
            said.pieces = sum(event.type == "text" for event in stream)
            answer: Any = stream.get_final_message()
    else:
        answer = client.messages.create(**body)
    for block in answer.content:
        if block.type == "text":
            said.text += block.text
        if block.type == "tool_use":
            said.calls.append((block.name, block.input))
    said.reason = _REASONS.get(answer.stop_reason or "", answer.stop_reason or "")
    said.input_tokens = answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0)
    said.output_tokens = answer.usage.output_tokens
    return said


def _turns(wish: Wish) -> list[dict[str, Any]]:
    content: Any = wish.user
    if wish.image:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        content = [{"type": "text", "text": wish.user}, {"type": "image", "source": source}]
    turns = [{"role": "user", "content": content}]
    if wish.tools != "results":
        return turns
    calls = [{"type": "tool_use", "id": f"call_{k}", "name": k, "input": v} for k, v in ARGUMENTS.items()]
    results = [{"type": "tool_result", "tool_use_id": f"call_{k}", "content": v} for k, v in RESULTS.items()]
    return [*turns, {"role": "assistant", "content": calls}, {"role": "user", "content": results}]
