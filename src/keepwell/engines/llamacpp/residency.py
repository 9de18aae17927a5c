"""How llama.cpp's router loads and unloads models, and what the server says that a model can."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from keepwell.core.observation import Missing
from keepwell.plugins.ask import Fields, fetch_fields
from keepwell.plugins.chat import Call
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.place import Site
from keepwell.plugins.residency import Abilities
from keepwell.transport.base import Transport

#: Words of chat templates of models that think: the switch for it, and the end of their thoughts.
_THOUGHTS = ("enable_thinking", "</think>")
#: Models that a router keeps in memory unless told otherwise (`--models-max`).
MODELS_MAX = 4


def make_load(model: str) -> Call:
    """`POST /models/load` of a router; it answers at once, and loads in a process of its own."""
    return Call(method="POST", path="/models/load", body=msgspec.json.encode({"model": model}))


def make_unload(model: str) -> Call:
    """`POST /models/unload` of a router."""
    return Call(method="POST", path="/models/unload", body=msgspec.json.encode({"model": model}))


def count_models(settings: Mapping[str, str]) -> int:
    """--models-max of a router; 0 for a server of one model, which never has to give way."""
    if not settings.get("LLAMA_ARG_MODELS_DIR") or settings.get("LLAMA_ARG_MODEL"):
        return 0
    text = settings.get("LLAMA_ARG_MODELS_MAX", "")
    if not text.isascii() or not text.isdigit():
        return MODELS_MAX
    return int(text[:9])


async def ask_abilities(site: Site, transport: Transport, model: ModelInfo, *, embeds: bool) -> Abilities | Missing:
    """From `/models`, and for a server of one model from `/props`: modalities, tools and thoughts of the template,
    context a slot. `embeds`: it was started to embed, which it does not tell.
    """
    listed = await fetch_fields(site=site, transport=transport, path="/models")
    if isinstance(listed, Missing):
        return listed
    row = next((one for one in listed.items("data") if one.text("id") == model.name), None)
    props = await fetch_fields(transport, site, "/props")
    if row is None or isinstance(props, Missing):
        return Abilities()
    can, cannot = set[str](), set[str]()
    inputs = row.fields("architecture").texts("input_modalities")
    if props.text("role") != "router" and "vision" in props.fields("modalities").data:
        {True: can, False: cannot}[props.fields("modalities").flag("vision")].add("vision")
    elif inputs:
        {True: can, False: cannot}["image" in inputs].add("vision")
    if props.fields("chat_template_caps").flag("supports_tools"):
        can.add("tools")
    if any(word in props.text("chat_template") for word in _THOUGHTS):
        can.add("think")
    if embeds:
        can.add("embed")
    elif _answers(listed, model):
        can.add("chat")
    context = props.fields("default_generation_settings").integer("n_ctx")
    return Abilities(can=frozenset(can), cannot=frozenset(cannot), context_tokens=context)


def _answers(listed: Fields, model: ModelInfo) -> bool:
    """True where its row in the form of Ollama says so; a server that embeds says it too."""
    rows = (one for one in listed.items("models") if one.text("name") == model.name)
    return any("completion" in one.texts("capabilities") for one in rows)
