"""What llama.cpp's server takes of a model that is moved to it, and how it is started."""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.words import size
from keepwell.plugins.counterpart import GIB, UNKNOWN_MODEL, Chosen, Counterpart, Mount, MovedModel, Serving, clean_name
from keepwell.plugins.gguf_need import take_gguf, want_gguf

#: Left free on each card: the default of --fit-target (common/common.h, b11434).
MARGIN_BYTES = GIB
#: Where models lie in a container, and the port there, which is its image's own.
FOLDER, PORT = "/models", 8080
#: Published images by toolkit (docs/docker.md); without a card the one for processors.
IMAGE = "ghcr.io/ggml-org/llama.cpp"
_TAGS = {"cuda": "server-cuda", "rocm": "server-rocm", "oneapi": "server-intel", "vulkan": "server-vulkan"}
#: Seconds until a large file is read from a slow disk.
START_SECONDS = 300
#: More layers than any model has: all of them go to the card.
ALL_LAYERS = "999"


def list_counterparts(model: MovedModel) -> tuple[Counterpart, ...]:
    """A GGUF as it is; any other has a GGUF that corresponds."""
    if model.format == "gguf" and model.path:
        return (take_gguf(model),)
    return (want_gguf(model),)


def reckon_usable(card_bytes: int) -> tuple[int, str]:
    """All but the margin of --fit-target."""
    usable = max(0, card_bytes - MARGIN_BYTES)
    return usable, f"{size(card_bytes)} - {size(MARGIN_BYTES)} left free (--fit-target) = {size(usable)}"


def make_servings(chosen: Sequence[Chosen], toolkit: str) -> tuple[Serving, ...]:
    """One server for each model."""
    return tuple(_serve(one, toolkit) for one in chosen)


def _serve(one: Chosen, toolkit: str) -> Serving:
    model = one.model
    path = one.counterpart.model or UNKNOWN_MODEL
    name = clean_name(f"llama-server-{model.name}")
    inside = f"{FOLDER}/{clean_name(model.name)}.gguf"
    slots = max(1, model.at_once)
    rest = ["--alias", model.name, "--parallel", str(slots)]
    if model.context_tokens:
        rest += ["--ctx-size", str(model.context_tokens * slots)]
    if toolkit:
        rest += ["--n-gpu-layers", ALL_LAYERS]
    if model.embeds:
        rest.append("--embeddings")
    rest.append("--metrics")
    return Serving(
        name=name,
        models=model.names,
        argv=("llama-server", "--model", path, "--host", "127.0.0.1", "--port", str(one.port), *rest),
        port=one.port,
        image=f"{IMAGE}:{_TAGS.get(toolkit, 'server')}",
        image_argv=("--model", inside, "--host", "0.0.0.0", "--port", str(one.port), *rest),
        health=("CMD", "curl", "-f", f"http://127.0.0.1:{one.port}/health"),
        start_seconds=START_SECONDS,
        secrets=("LLAMA_API_KEY",),
        mounts=(Mount(outside=path, inside=inside),),
        notes=_notes(one),
    )


def _notes(one: Chosen) -> tuple[str, ...]:
    notes = [f"--ctx-size is shared by --parallel {max(1, one.model.at_once)}: each gets an equal part of it"]
    notes += [f"{model} is answered whatever name a request writes: it has one model" for model in one.model.names[:1]]
    if not one.model.embeds:
        notes.append("prompts are written with the template in the file, which may differ from the one used now")
    if one.counterpart.same_file and "/blobs/" in one.counterpart.model:
        notes.append("who deletes or updates the model in the other engine's store takes this file away")
        notes.append("who runs the server must be able to read it: the folders above it too")
    return tuple(notes)
