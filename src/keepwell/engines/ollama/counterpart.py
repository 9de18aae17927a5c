"""What Ollama takes of a model that is moved to it, and how it is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keepwell.core.words import size
from keepwell.formats.number import find_whole
from keepwell.plugins.counterpart import (
    UNKNOWN_MODEL,
    Chosen,
    Counterpart,
    Mount,
    MovedModel,
    Serving,
    clean_name,
)
from keepwell.plugins.gguf_need import reckon_gguf, take_gguf, want_gguf

#: Published images by toolkit; the usual one has the libraries of cuda and runs without a card too.
_IMAGE, _TAGS = "ollama/ollama", {"rocm": "rocm"}
NAME, HOME = "ollama-moved", "/root/.ollama"
#: Weights that `ollama create` takes from a folder of safetensors: those that are not quantised.
_WHOLE = ("F32", "F16", "BF16")
#: Seconds until the server answers; models are loaded later, on demand.
START_SECONDS = 60


def find_context(settings: Mapping[str, str]) -> int:
    """OLLAMA_CONTEXT_LENGTH; 0 where it is left to the release and the card."""
    return find_whole(settings.get("OLLAMA_CONTEXT_LENGTH", "")) or 0


def list_counterparts(model: MovedModel) -> tuple[Counterpart, ...]:
    """A GGUF as it is, a folder of whole safetensors, else the GGUF that corresponds."""
    if model.format == "gguf" and model.path:
        return (take_gguf(model),)
    if model.format == "safetensors" and model.path and model.quantisation in _WHOLE:
        weights = model.parameters * 2
        need = reckon_gguf(model, weights, f"{model.parameters} weights * 16 bits / 8")
        imported = Counterpart(
            format="safetensors",
            quantisation="F16",
            model=model.path,
            need=need,
            why="the same folder, which ollama create converts into its store (architectures that it knows)",
            same_file=True,
            notes=("ollama create --quantize q4_K_M or q8_0 makes it smaller",),
        )
        return (imported, want_gguf(model))
    return (want_gguf(model),)


def reckon_usable(card_bytes: int) -> tuple[int, str]:
    """All of it: what does not fit is computed on the processor, slowly."""
    return card_bytes, f"{size(card_bytes)}; what does not fit is computed on the processor, slowly"


def make_servings(chosen: Sequence[Chosen], toolkit: str) -> tuple[Serving, ...]:
    """One server for all models; each is made in its store by a Modelfile once it serves."""
    if not chosen:
        return ()
    port = chosen[0].port
    settings = {
        "OLLAMA_NUM_PARALLEL": str(max(one.model.at_once for one in chosen)),
        "OLLAMA_CONTEXT_LENGTH": str(max(one.model.context_tokens for one in chosen)),
    }
    files = {f"Modelfile.{clean_name(one.model.name)}": _modelfile(one) for one in chosen}
    pairs = [(one.model.name, f"Modelfile.{clean_name(one.model.name)}") for one in chosen]
    host = {"OLLAMA_HOST": f"127.0.0.1:{port}"}
    exec_ = ("docker", "compose", "exec", NAME, "ollama", "create")
    return (
        Serving(
            name=NAME,
            models=tuple(name for one in chosen for name in one.model.names),
            argv=("ollama", "serve"),
            port=port,
            image=":".join(filter(None, (_IMAGE, _TAGS.get(toolkit, "")))),
            image_argv=("serve",),
            health=("CMD", "ollama", "list"),
            start_seconds=START_SECONDS,
            environment={**host, **settings},
            image_environment={"OLLAMA_HOST": f"0.0.0.0:{port}", **settings},
            mounts=tuple(_mounts(chosen)),
            cache_folder=HOME,
            files=files,
            afterwards=tuple(
                ("env", f"OLLAMA_HOST=127.0.0.1:{port}", "ollama", "create", name, "-f", file) for name, file in pairs
            ),
            image_afterwards=tuple((*exec_, name, "-f", f"/{file}") for name, file in pairs),
            notes=(
                "ollama create copies the weights into its own store",
                "prompts are written with a template that it finds by the one in the file: see ollama show --template",
            ),
        ),
    )


def _modelfile(one: Chosen) -> str:
    """FROM and the context. ValueError for a path with a line break in it."""
    path = one.counterpart.model or UNKNOWN_MODEL
    if not path.isprintable():
        raise ValueError(f"not a path for a Modelfile: {path!r}")
    lines = [f"FROM {path}"]
    if one.model.context_tokens and not one.model.embeds:
        lines.append(f"PARAMETER num_ctx {one.model.context_tokens}")
    return "\n".join(lines) + "\n"


def _mounts(chosen: Sequence[Chosen]) -> Iterator[Mount]:
    """Weights under the same path as outside, so that a Modelfile holds in both; and the Modelfiles."""
    for one in chosen:
        file = f"Modelfile.{clean_name(one.model.name)}"
        path = one.counterpart.model or UNKNOWN_MODEL
        yield Mount(outside=path, inside=path)
        yield Mount(outside=f"./{file}", inside=f"/{file}")
