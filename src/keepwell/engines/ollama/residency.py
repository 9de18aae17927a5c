"""How Ollama loads and keeps models, which options make it load one anew, and what it says that a model can."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from keepwell.config.gateway_model import OptionValue
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, failed
from keepwell.engines.ollama.wire import parse_details
from keepwell.plugins.ask import ASK_BYTES, ASK_SECONDS, Fields, error_text, parse_fields
from keepwell.plugins.chat import Call
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.model_facts import ModelFacts, merge_facts
from keepwell.plugins.place import Site
from keepwell.plugins.residency import Abilities, CanaryAsk, Stay
from keepwell.plugins.settings import parse_release
from keepwell.transport.base import Transport

#: Fields of `api.Runner`, all of which `needsReload` compares (server/sched.go, api/types.go, releases 0.2 to 0.33).
RELOAD_OPTIONS = (
    *("num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict"),
    *("low_vram", "f16_kv", "logits_all", "vocab_only", "use_mlock", "numa"),
)
#: Requests at once of one model where OLLAMA_NUM_PARALLEL says nothing, from the release on: `defaultParallel` in
#: server/sched.go. On a GPU with too little memory for so many it is 1; what is too much then waits there.
_PARALLEL = (((0, 10), 1), ((0, 6, 7), 2), ((0, 2), 4), ((0,), 1))
#: Its words for what a model can (types/model/capability.go), and ours. Any model embeds where it is asked to.
_WORDS = {"completion": "chat", "vision": "vision", "tools": "tools", "embedding": "embed", "thinking": "think"}
#: The context of a model's own in the text `parameters`.
_NUM_CTX = re.compile(r"^num_ctx +(\d{1,9})$", re.MULTILINE)
#: Seconds for a load: "for ever" is any negative number.
FOR_EVER = -1


def make_load(model: str, stay: Stay) -> Call:
    """`/api/generate` without a prompt, or for a model that only embeds `/api/embed` with none: both load alone."""
    body: dict[str, object] = {"model": model, "keep_alive": _whole(stay.seconds)}
    options = dict(stay.options)
    if stay.context_tokens:
        options["num_ctx"] = stay.context_tokens
    if options:
        body["options"] = options
    path = "/api/generate"
    if stay.embeds:
        body["input"] = ""
        path = "/api/embed"
    return Call(method="POST", path=path, body=msgspec.json.encode(body))


def make_unload(model: str) -> Call:
    """`/api/generate` with a stay of 0: it goes when what runs is done."""
    return Call(method="POST", path="/api/generate", body=msgspec.json.encode({"model": model, "keep_alive": 0}))


def make_canary(ask: CanaryAsk) -> Call:
    """`/api/generate`, raw: no template stands between prompt and weights. Logprobs come since 0.12.11."""
    options: dict[str, OptionValue] = {**ask.options, "num_predict": ask.tokens, "temperature": 0, "seed": 1}
    if ask.context_tokens:
        options["num_ctx"] = ask.context_tokens
    body: dict[str, object] = {
        "model": ask.model,
        "prompt": ask.prompt,
        "raw": True,
        "stream": False,
        "logprobs": True,
        "options": options,
    }
    if ask.keep_seconds:
        body["keep_alive"] = _whole(ask.keep_seconds)
    return Call(method="POST", path="/api/generate", body=msgspec.json.encode(body))


def count_models(settings: Mapping[str, str]) -> int:
    """OLLAMA_MAX_LOADED_MODELS; 0 where it chooses itself (three for each GPU, as memory allows)."""
    text = settings.get("OLLAMA_MAX_LOADED_MODELS", "")
    if not text.isascii() or not text.isdigit():
        return 0
    return int(text[:9])


def find_usual_limit(version: str) -> int:
    """Requests at once of one model in this release without a setting; 0 where the release is not known."""
    release = parse_release(version)
    return next((count for since, count in _PARALLEL if release and release >= since), 0)


async def ask_abilities(site: Site, transport: Transport, model: ModelInfo) -> Abilities | Missing:
    """`/api/show`, which reads the model's file and loads nothing. Releases before 0.6.4 tell the context alone."""
    headers = {"Content-Type": "application/json"}
    if site.api_key:
        headers["Authorization"] = f"Bearer {site.api_key}"
    body = msgspec.json.encode({"model": model.name})
    try:
        reply = await transport.http(
            "POST",
            f"{site.url}/api/show",
            headers=headers,
            body=body,
            timeout_seconds=ASK_SECONDS,
            max_bytes=ASK_BYTES,
        )
    except AccessError as error:
        return failed(error)
    if reply.status != 200:
        return failed(f"POST {site.url}/api/show answered {reply.status}: {error_text(reply)}")
    found = parse_fields(reply.body)
    if isinstance(found, Missing):
        return found
    return parse_abilities(found)


def parse_abilities(show: Fields) -> Abilities:
    """From the answer of `/api/show`."""
    words = show.texts("capabilities")
    can = frozenset(_WORDS[word] for word in words if word in _WORDS)
    cannot: frozenset[str] = frozenset()
    if words:
        cannot = frozenset({"chat", "vision", "tools"}) - can
    facts = parse_facts(show)
    return Abilities(can=can, cannot=cannot, context_tokens=facts.trained_tokens, facts=facts)


def parse_facts(show: Fields) -> ModelFacts:
    """What the answer of `/api/show` tells of how a model is made."""
    about = show.fields("model_info")
    family = about.text("general.architecture")
    context = _NUM_CTX.search(show.text("parameters"))
    told = ModelFacts(
        family=family,
        parameters=about.integer("general.parameter_count"),
        width=about.integer(f"{family}.embedding_length"),
        vocabulary=about.integer(f"{family}.vocab_size"),
        trained_tokens=about.integer(f"{family}.context_length"),
        usual_tokens=int(context[1]) if context else 0,
    )
    return merge_facts((parse_details(show), told))


def _whole(seconds: float) -> int:
    """Seconds as Ollama takes them: whole ones, at least one for any time at all, -1 for ever."""
    if seconds < 0:
        return FOR_EVER
    return max(1, round(seconds))
