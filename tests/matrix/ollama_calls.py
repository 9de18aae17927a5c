"""The official `ollama` client: chat, generate, embed and embeddings."""

from __future__ import annotations

from typing import Any

import ollama

from tests.matrix.wishes import ARGUMENTS, CITY, PIXEL, RESULTS, TOOLS, NoSuchCall, Said, Wish, only


def ask_chat(client: ollama.Client, wish: Wish) -> Said:
    """`client.chat`."""
    body: dict[str, Any] = {"messages": _turns(wish), **_settings(wish)}
    if wish.tools == "must":
        raise NoSuchCall("tools")
    if wish.tools:
        body["tools"] = [{"type": "function", "function": {"name": k, "parameters": v}} for k, v in TOOLS.items()]
    if not wish.stream:
        return _read([client.chat(wish.model, **body)])
    return _read(client.chat(wish.model, stream=True, **body))


def ask_generate(client: ollama.Client, wish: Wish) -> Said:
    """`client.generate`."""
    only(wish, "tools")
    body: dict[str, Any] = {"prompt": wish.user, "system": wish.system, **_settings(wish)}
    if wish.image:
        body["images"] = [PIXEL]
    if not wish.stream:
        return _read([client.generate(wish.model, **body)])
    return _read(client.generate(wish.model, stream=True, **body))


def ask_vectors(client: ollama.Client, model: str, texts: list[str]) -> list[list[float]]:
    """`client.embed`."""
    return [list(one) for one in client.embed(model, texts).embeddings]


def ask_old_vectors(client: ollama.Client, model: str, texts: list[str]) -> list[list[float]]:
    """`client.embeddings`, one text each."""
    return [list(client.embeddings(model, one).embedding) for one in texts]


def _settings(wish: Wish) -> dict[str, Any]:
    options = {"num_predict": wish.max_tokens, "seed": wish.seed, "temperature": wish.temperature, "num_thread": 1}
    if wish.stop:
        options["stop"] = [wish.stop]
    made: dict[str, Any] = {"options": {name: one for name, one in options.items() if one is not None}}
    if wish.json:
        made["format"] = {"object": "json", "schema": CITY}[wish.json]
    if wish.odds:
        made |= {"logprobs": True, "top_logprobs": 1}
    return made


def _turns(wish: Wish) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = [{"role": "system", "content": wish.system}] if wish.system else []
    turns.append({"role": "user", "content": wish.user, **({"images": [PIXEL]} if wish.image else {})})
    if wish.tools != "results":
        return turns
    calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in ARGUMENTS.items()]
    turns.append({"role": "assistant", "content": "", "tool_calls": calls})
    return turns + [{"role": "tool", "tool_name": name, "content": text} for name, text in RESULTS.items()]


def _read(parts: Any) -> Said:
    said = Said()
    for part in parts:
        message = getattr(part, "message", None)
        text = (message.content if message is not None else part.response) or ""
        said.pieces += bool(text)
        said.text += text
        for call in (message.tool_calls or []) if message is not None else []:
            said.calls.append((call.function.name, dict(call.function.arguments)))
        said.odds += len(part.logprobs or [])
        if part.done:
            said.reason = part.done_reason or ""
            said.input_tokens, said.output_tokens = part.prompt_eval_count or 0, part.eval_count or 0
            assert (part.total_duration or 0) > 0
    if said.calls and said.reason == "stop":
        said.reason = "tools"
    return said
