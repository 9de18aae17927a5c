"""The official `openai` client: chat, completions, responses and embeddings."""

from __future__ import annotations

import json
from typing import Any

import openai

from tests.matrix.wishes import ARGUMENTS, CITY, PIXEL, RESULTS, TOOLS, Said, Wish, only

DATA_URL = f"data:image/png;base64,{PIXEL}"
_REASONS = {"tool_calls": "tools"}


def ask_chat(client: openai.OpenAI, wish: Wish) -> Said:
    """`client.chat.completions.create`."""
    body: dict[str, Any] = {"model": wish.model, "messages": _turns(wish), "max_tokens": wish.max_tokens}
    body |= _settings(wish)
    if wish.tools:
        body["tools"] = [{"type": "function", "function": {"name": k, "parameters": v}} for k, v in TOOLS.items()]
    if wish.tools == "must":
        body |= {"tools": body["tools"][:1], "tool_choice": "required"}
    if wish.json == "object":
        body["response_format"] = {"type": "json_object"}
    if wish.json == "schema":
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY}}
    if wish.odds:
        body |= {"logprobs": True, "top_logprobs": 1}
    if wish.stream:
        return _read_chunks(client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}))
    answer = client.chat.completions.create(**body)
    (choice,) = answer.choices
    said = Said(text=choice.message.content or "", reason=_REASONS.get(choice.finish_reason, choice.finish_reason))
    for one in choice.message.tool_calls or []:
        said.call(one.function.name, one.function.arguments)
    said.odds = len(choice.logprobs.content or []) if choice.logprobs else 0
    return _count(said, answer.usage)


def ask_completion(client: openai.OpenAI, wish: Wish) -> Said:
    """`client.completions.create`."""
    only(wish, "tools", "system", "json", "image")
    body: dict[str, Any] = {"model": wish.model, "prompt": wish.user, "max_tokens": wish.max_tokens, **_settings(wish)}
    if wish.odds:
        body["logprobs"] = 1
    said = Said()
    if wish.stream:
        for chunk in client.completions.create(**body, stream=True, stream_options={"include_usage": True}):
            for choice in chunk.choices:
                said.pieces += bool(choice.text)
                said.text += choice.text
                said.reason = choice.finish_reason or said.reason
                said.odds += len(choice.logprobs.tokens or []) if choice.logprobs else 0
            _count(said, chunk.usage)
        return said
    answer = client.completions.create(**body)
    (choice,) = answer.choices
    said = Said(text=choice.text, reason=choice.finish_reason)
    said.odds = len(choice.logprobs.tokens or []) if choice.logprobs else 0
    return _count(said, answer.usage)


def ask_response(client: openai.OpenAI, wish: Wish) -> Said:
    """`client.responses.create`."""
    only(wish, "stop", "seed")
    body: dict[str, Any] = {"model": wish.model, "input": _items(wish), "max_output_tokens": max(wish.max_tokens, 16)}
    if wish.system:
        body["instructions"] = wish.system
    if wish.temperature is not None:
        body["temperature"] = wish.temperature
    if wish.tools:
        body["tools"] = [{"type": "function", "name": k, "parameters": v, "strict": False} for k, v in TOOLS.items()]
    if wish.tools == "must":
        body |= {"tools": body["tools"][:1], "tool_choice": "required"}
    if wish.json == "object":
        body["text"] = {"format": {"type": "json_object"}}
    if wish.json == "schema":
        body["text"] = {"format": {"type": "json_schema", "name": "place", "schema": CITY}}
    if wish.odds:
        body |= {"include": ["message.output_text.logprobs"], "top_logprobs": 1}
    said = Said()
    if wish.stream:
        answer = None
        for event in client.responses.create(**body, store=False, stream=True):
            said.pieces += event.type == "response.output_text.delta"
            if event.type in ("response.completed", "response.incomplete"):
                answer = event.response
        assert answer is not None
    else:
        answer = client.responses.create(**body, store=False)
    said.text = answer.output_text
    for item in answer.output:
        if item.type == "function_call":
            said.call(item.name, item.arguments)
        if item.type == "message":
            said.odds += sum(len(getattr(one, "logprobs", None) or []) for one in item.content)
    said.reason = {"incomplete": "length"}.get(answer.status or "", "tools" if said.calls else "stop")
    if answer.usage:
        said.input_tokens, said.output_tokens = answer.usage.input_tokens, answer.usage.output_tokens
    return said


def ask_vectors(client: openai.OpenAI, model: str, texts: list[str]) -> list[list[float]]:
    """`client.embeddings.create`, which asks for base64 by itself."""
    return [one.embedding for one in client.embeddings.create(model=model, input=texts).data]


def _settings(wish: Wish) -> dict[str, Any]:
    made = {"stop": [wish.stop] if wish.stop else None, "seed": wish.seed, "temperature": wish.temperature}
    return {name: value for name, value in made.items() if value is not None}


def _turns(wish: Wish) -> list[dict[str, Any]]:
    content: Any = wish.user
    if wish.image:
        content = [{"type": "text", "text": wish.user}, {"type": "image_url", "image_url": {"url": DATA_URL}}]
    turns: list[dict[str, Any]] = [{"role": "system", "content": wish.system}] if wish.system else []
    turns.append({"role": "user", "content": content})
    if wish.tools != "results":
        return turns
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for name, arguments in ARGUMENTS.items()
    ]
    turns.append({"role": "assistant", "content": None, "tool_calls": calls})
    return turns + [{"role": "tool", "tool_call_id": f"call_{k}", "content": v} for k, v in RESULTS.items()]


def _items(wish: Wish) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = [{"type": "input_text", "text": wish.user}]
    if wish.image:
        content.append({"type": "input_image", "image_url": DATA_URL, "detail": "auto"})
    items: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if wish.tools != "results":
        return items
    for name, arguments in ARGUMENTS.items():
        call = {"type": "function_call", "call_id": f"call_{name}", "name": name, "arguments": json.dumps(arguments)}
        items.append(call)
    return items + [{"type": "function_call_output", "call_id": f"call_{k}", "output": v} for k, v in RESULTS.items()]


def _read_chunks(stream: Any) -> Said:
    said, calls = Said(), dict[int, list[str]]()
    for chunk in stream:
        for choice in chunk.choices:
            said.pieces += bool(choice.delta.content)
            said.text += choice.delta.content or ""
            for piece in choice.delta.tool_calls or []:
                call = calls.setdefault(piece.index, ["", ""])
                call[0] += piece.function.name or ""
                call[1] += piece.function.arguments or ""
            said.reason = choice.finish_reason or said.reason
            said.odds += len(choice.logprobs.content or []) if choice.logprobs else 0
        _count(said, chunk.usage)
    said.reason = _REASONS.get(said.reason, said.reason)
    for name, arguments in calls.values():
        said.call(name, arguments)
    return said


def _count(said: Said, usage: Any) -> Said:
    if usage is not None:
        said.input_tokens, said.output_tokens = usage.prompt_tokens, usage.completion_tokens
    return said
