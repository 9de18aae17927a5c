"""What Ollama is asked where it may work: native paths, so that neither context nor stay in memory changes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from keepwell.core.observation import Missing
from keepwell.engines.ollama.wire import fetch_local
from keepwell.plugins.chat import (
    PROMPT,
    TOOL,
    Call,
    ChatAsk,
    Promise,
    RequestLimit,
    openai_promises,
)
from keepwell.plugins.place import Site
from keepwell.transport.base import Transport

#: What a row of the store's list and of the loaded models has.
_ROW = ("models:list", "models[].name:text", "models[].digest:text", "models[].size:number")


def make_chat(ask: ChatAsk) -> Call:
    """`/api/chat` with the context that the model is loaded with (another one would load it again) and the time
    that it was still to stay.
    """
    options: dict[str, object] = {"num_predict": ask.tokens, "temperature": 0}
    if ask.context_tokens:
        options["num_ctx"] = ask.context_tokens
    body: dict[str, object] = {
        "model": ask.model,
        "messages": [{"role": "user", "content": ask.prompt}],
        "stream": ask.stream,
        "options": options,
    }
    if ask.tools:
        body["tools"] = [TOOL]
    if ask.keep_seconds:
        body["keep_alive"] = int(ask.keep_seconds)
    return Call(method="POST", path="/api/chat", body=msgspec.json.encode(body))


def make_embed(model: str) -> Call:
    """`/v1/embeddings`, which every release since 0.1.44 has."""
    return Call(method="POST", path="/v1/embeddings", body=msgspec.json.encode({"model": model, "input": PROMPT}))


def list_promises(model: str) -> tuple[Promise, ...]:
    """The native paths and those of the OpenAI form."""
    plain = (
        Promise(call=Call(method="GET", path="/api/version"), form="json", fields=("version:text",)),
        Promise(call=Call(method="GET", path="/api/tags"), form="json", fields=_ROW),
        Promise(call=Call(method="GET", path="/api/ps"), form="json", fields=(*_ROW, "models[].expires_at:text")),
    )
    if not model:
        return (*plain, *openai_promises(""))
    show = Call(method="POST", path="/api/show", body=msgspec.json.encode({"model": model}))
    return (
        *plain,
        Promise(call=show, form="json", fields=("details:mapping", "model_info:mapping")),
        Promise(call=make_chat(ChatAsk(model=model, tokens=2)), form="chat"),
        Promise(call=make_chat(ChatAsk(model=model, tokens=2, stream=True)), form="lines"),
        *openai_promises(model),
    )


def find_limit(settings: Mapping[str, str]) -> RequestLimit:
    """The child's --parallel as it runs, OLLAMA_NUM_PARALLEL as it was asked for (its default depends on the release),
    and the queue.
    """
    asked = _number(settings.get("OLLAMA_NUM_PARALLEL", ""))
    runs = _number(settings.get("child --parallel", ""))
    waiting = _number(settings.get("OLLAMA_MAX_QUEUE", "")) or 512
    return RequestLimit(at_once=runs or asked, asked=asked, waiting=waiting, setting="OLLAMA_NUM_PARALLEL")


async def list_digests(site: Site, transport: Transport) -> Mapping[str, str] | Missing:
    """By `/api/ps`."""
    found = await fetch_local(site, transport, "/api/ps")
    if isinstance(found, Missing):
        return found
    return {one.text("name"): one.text("digest") for one in found.items("models") if one.text("digest")}


def _number(text: str) -> int:
    return int(text[:9]) if text.isascii() and text.isdigit() else 0
