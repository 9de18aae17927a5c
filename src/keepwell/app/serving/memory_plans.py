"""What models of engines on this machine were reckoned to take in memory, from the headers of their files."""

from __future__ import annotations

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.formats.gguf_shape import ModelShape, parse_gguf_shape
from keepwell.formats.weights import HeaderCut
from keepwell.plugins.engine import KeepsStore, LoadedModel, ModelInfo
from keepwell.plugins.memory_plan import MemoryPlan, plan_memory
from keepwell.plugins.place import Site
from keepwell.plugins.weight_files import HEADER_BYTES
from keepwell.transport.base import Transport

#: Tokens of context where an engine does not tell with how many it loaded a model: the usual default of engines that
#: load on demand (OLLAMA_CONTEXT_LENGTH without a large card).
USUAL_CONTEXT = 4096


async def find_shape(site: Site, plugin: object, transport: Transport, model: ModelInfo) -> ModelShape | None:
    """The shape of a model whose file lies on this machine and is a GGUF; None for any other. Reads up to 16 MB."""
    if isinstance(site.process, Missing):
        return None
    path = model.path
    if not path and isinstance(plugin, KeepsStore):
        entries = await plugin.entries(plugin.store(site.process, site), transport)
        if isinstance(entries, Missing):
            return None
        names = (model.name, model.name.removesuffix(":latest"))
        path = next((one.path for one in entries if one.role == "weights" and one.model in names), "")
    if not path.startswith("/"):
        return None
    for length in HEADER_BYTES:
        try:
            return parse_gguf_shape(await transport.read(path, max_bytes=length))
        except HeaderCut:
            continue
        except (ValueError, AccessError):
            return None
    return None


def plan_loaded(shape: ModelShape, loaded: LoadedModel, slots: int) -> MemoryPlan:
    """The plan of a model as it is loaded: with its context for each of so many requests at once."""
    context = loaded.context_tokens or USUAL_CONTEXT
    if shape.context_tokens:
        context = min(context, shape.context_tokens)
    return plan_memory(shape, context_tokens=context, slots=max(1, slots))


def find_reported(loaded: LoadedModel | None) -> int:
    """The memory that an engine says a model takes; 0 where it tells the size of the file alone, or nothing."""
    if loaded is None or isinstance(loaded.gpu_bytes, Missing):
        return 0
    return loaded.size_bytes
