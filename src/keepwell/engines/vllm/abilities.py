"""What a model that vLLM serves can, and how it is made: by its paths, its flags and the files of the model.

Nothing is loaded or computed for it. Flags and files are looked at where the process runs on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.engines.vllm.store import CONFIG, SMALL_FILE_BYTES, find_entries, find_snapshot
from keepwell.plugins.ask import Fields, fetch_fields, parse_fields
from keepwell.plugins.engine import ModelInfo, StoreEntry
from keepwell.plugins.model_facts import ModelFacts, merge_facts
from keepwell.plugins.place import Site
from keepwell.plugins.residency import Abilities
from keepwell.transport.base import Transport

#: Paths that are there for what a model can. Releases that have both for every model tell nothing by them.
_PATHS = {"chat": "/v1/chat/completions", "embed": "/v1/embeddings"}
#: Flags without which it does not do these things by itself.
_FLAGS = {"tools": "--enable-auto-tool-choice", "think": "--reasoning-parser"}
#: Kinds of numbers in config.json as Ollama names them.
_NUMBERS = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


async def ask_abilities(
    site: Site, transport: Transport, model: ModelInfo, flags: Mapping[str, str], store: str
) -> Abilities:
    """By `/openapi.json`, and where they are known by `flags` and the files in `store` of the server's own model."""
    can, cannot = parse_paths(await fetch_fields(transport, site, "/openapi.json"))
    can |= {ability for ability, flag in _FLAGS.items() if flags.get(flag, "false") != "false"}
    facts = ModelFacts()
    if store and model.path and model.path == flags.get("--model"):
        entries = await find_entries(store, transport)
        config = await _read_config(store, transport)
        facts = merge_facts((parse_config(config), measure_files(entries)))
        if config.fields("vision_config").data:
            can |= {"vision"}
    return Abilities(can=can, cannot=cannot, context_tokens=model.context_tokens, facts=facts)


def parse_paths(document: Fields | Missing) -> tuple[frozenset[str], frozenset[str]]:
    """What it can and cannot by the paths that it has."""
    if isinstance(document, Missing):
        return frozenset(), frozenset()
    paths = document.fields("paths").data
    there = frozenset(ability for ability, path in _PATHS.items() if path in paths)
    if len(there) != 1:
        return frozenset(), frozenset()
    return there, frozenset(_PATHS) - there


def parse_config(config: Fields) -> ModelFacts:
    """What config.json tells; of a model that sees, its part for text."""
    text = config.fields("text_config")
    inner = Fields(data={**text.data, **config.data})
    kind = config.text("torch_dtype") or config.text("dtype") or text.text("torch_dtype") or text.text("dtype")
    method = config.fields("quantization_config").text("quant_method")
    return ModelFacts(
        family=config.text("model_type"),
        quantisation=method.upper() or _NUMBERS.get(kind, ""),
        width=inner.integer("hidden_size"),
        vocabulary=inner.integer("vocab_size"),
        trained_tokens=inner.integer("max_position_embeddings"),
    )


def measure_files(entries: tuple[StoreEntry, ...] | Missing) -> ModelFacts:
    """The format of its weights and what they take."""
    if isinstance(entries, Missing):
        return ModelFacts()
    weights = [one for one in entries if one.role == "weights" and not one.problem]
    formats = sorted({one.path.rpartition(".")[2] for one in weights})
    return ModelFacts(format="".join(formats[:1]), size_bytes=sum(one.size_bytes for one in weights))


async def _read_config(store: str, transport: Transport) -> Fields:
    try:
        root = await find_snapshot(store.rstrip("/"), transport)
        found = parse_fields(await transport.read(f"{root}/{CONFIG}", max_bytes=SMALL_FILE_BYTES))
    except AccessError:
        return Fields(data={})
    if isinstance(found, Missing):
        return Fields(data={})
    return found
