"""The models of an engine as they would be moved: their files' headers, how they are used now. Loads nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keepwell.app.serving.engine_facts import Known
from keepwell.app.serving.memory_plans import USUAL_CONTEXT
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.formats.gguf_about import GgufAbout, parse_gguf_about
from keepwell.formats.gguf_shape import ModelShape, parse_gguf_shape
from keepwell.formats.weights import HeaderCut, split_parts
from keepwell.plugins.config_shape import CONFIG_BYTES, parse_config_shape
from keepwell.plugins.counterpart import MovedModel, TellsContext
from keepwell.plugins.engine import Engine, FillsStore, KeepsStore, KnowsSettings, ModelInfo, StoreEntry
from keepwell.plugins.model_facts import ModelFacts
from keepwell.plugins.place import Site
from keepwell.plugins.weight_files import HEADER_BYTES, is_weights
from keepwell.transport.base import Transport

#: The file that tells the shape of a model beside weights that are no GGUF.
CONFIG = "/config.json"
#: Requests at once that are planned for at most: engines that share a cache of blocks say hundreds, of which each can
#: have the whole context only in theory.
MOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The engine that models are moved from, and what it told of itself and them."""

    site: Site
    plugin: Engine
    known: Known
    transport: Transport


async def read_model(source: Source, model: ModelInfo) -> tuple[MovedModel, str]:
    """The model, and what kept its file from being read, "" where nothing did."""
    facts = source.known.facts.get(model.name, model.facts)
    abilities = source.known.abilities.get(model.name)
    embeds = abilities is not None and "embed" in abilities.can and "chat" not in abilities.can
    made = MovedModel(
        name=model.name,
        names=tuple(dict.fromkeys((model.name, model.name.removesuffix(":latest")))),
        format=facts.format,
        quantisation=facts.quantisation,
        parameters=facts.parameters,
        weight_bytes=facts.size_bytes or model.size_bytes,
        context_limit=facts.trained_tokens,
        at_once=min(MOST_AT_ONCE, max(1, source.known.replica.limit)),
        embeds=embeds,
    )
    entries, problem = await _find_entries(source, model)
    weights = tuple(one for one in entries if one.role == "weights")
    config = next((one.path for one in entries if one.role == "config" and one.path.endswith(CONFIG)), "")
    if config:
        made, problem = await _read_config(made, config, weights, source.transport)
    elif weights:
        made = replace(made, path=weights[0].path, more_files=_others(weights))
        made, problem = await _read_header(made, source.transport)
    return _with_context(made, source, model, facts), problem


async def _find_entries(source: Source, model: ModelInfo) -> tuple[tuple[StoreEntry, ...], str]:
    """Its files, and why there are none."""
    if model.path.startswith("/") and is_weights(model.path):
        return (StoreEntry(path=model.path, size_bytes=0, model=model.name),), ""
    if isinstance(source.site.process, Missing):
        return (), "its engine's process was not found on this node, so neither was its store"
    if not isinstance(source.plugin, KeepsStore):
        return (), "its engine keeps no store"
    folder = source.plugin.store(source.site.process, source.site)
    entries = await source.plugin.entries(folder, source.transport)
    if isinstance(entries, Missing):
        return (), f"the store at {folder} could not be read: {entries.reason}"
    names = (model.name, model.name.removesuffix(":latest"))
    own = tuple(one for one in entries if one.model in names)
    if not own and not isinstance(source.plugin, FillsStore):
        own = entries  # its store is of this one model
    return own, f"the store at {folder} has no file of it" * (not own)


def _others(entries: tuple[StoreEntry, ...]) -> tuple[str, ...]:
    """Further files that are no parts of the first."""
    folder, slash, name = entries[0].path.rpartition("/")
    parts = {f"{folder}{slash}{one}" for one in split_parts(name)}
    return tuple(one.path for one in entries[1:] if one.path not in parts)


async def _read_config(
    model: MovedModel, path: str, weights: tuple[StoreEntry, ...], transport: Transport
) -> tuple[MovedModel, str]:
    """From the configuration beside weights that are no GGUF: the folder is what another engine would take."""
    try:
        found = parse_config_shape(await transport.read(path, max_bytes=CONFIG_BYTES))
    except AccessError as error:
        return model, f"{path}: {error}"
    if isinstance(found, Missing):
        return model, f"{path}: {found.reason}"
    size = sum(one.size_bytes for one in weights) or model.weight_bytes
    shape, each = found.shape, found.weight_width
    made = replace(
        model,
        path=path.rpartition("/")[0],
        format="safetensors",
        quantisation=found.quantisation,
        weight_bytes=size,
        shape=shape,
        context_limit=shape.context_tokens,
        has_template=True,
    )
    if each:
        made = replace(made, parameters=size // each, table_parameters=shape.vocabulary * shape.width)
    return made, ""


async def _read_header(model: MovedModel, transport: Transport) -> tuple[MovedModel, str]:
    found = await read_gguf(model.path, transport)
    if isinstance(found, str):
        return model, found
    shape, about = found
    return (
        replace(
            model,
            format="gguf",
            quantisation=about.file_type or model.quantisation,
            parameters=about.parameters,
            table_parameters=about.table_parameters,
            weight_bytes=shape.weight_bytes,
            shape=shape,
            source=about.source,
            bases=about.bases,
            said_name=about.name,
            context_limit=shape.context_tokens or model.context_limit,
            has_template=about.has_template,
        ),
        "",
    )


async def read_gguf(path: str, transport: Transport) -> tuple[ModelShape, GgufAbout] | str:
    """What a file's header tells, or why it tells nothing. Reads up to 16 MB."""
    for length in HEADER_BYTES:
        try:
            head = await transport.read(path, max_bytes=length)
            return parse_gguf_shape(head), parse_gguf_about(head)
        except HeaderCut:
            continue
        except (ValueError, AccessError) as error:
            return f"{path}: {error}"
    return f"{path}: its header is longer than {HEADER_BYTES[-1]} bytes"


def _with_context(model: MovedModel, source: Source, info: ModelInfo, facts: ModelFacts) -> MovedModel:
    """With the context that a request can use, and who says so; never more than the model was made for."""
    loaded = source.known.find_loaded(info.name)
    in_force = 0
    if isinstance(source.plugin, TellsContext) and isinstance(source.plugin, KnowsSettings):
        settings = {one.name: one.value for one in source.plugin.effective(source.site.process, (), "", {})}
        in_force = source.plugin.context_in_force(settings)
    in_memory = 0
    if loaded is not None:
        in_memory = loaded.context_tokens
    told = (
        (in_memory, "as it is loaded now"),
        (facts.usual_tokens, "the model's own setting"),
        (in_force, "the engine's setting"),
        (info.context_tokens, "as the engine lists it"),
        (USUAL_CONTEXT, "assumed: the engine does not tell, and that is the usual default"),
    )
    tokens, words = next(pair for pair in told if pair[0])
    if model.context_limit and tokens > model.context_limit:
        tokens, words = model.context_limit, f"{words}, cut to what the model was made for"
    return replace(model, context_tokens=tokens, context_from=words)
