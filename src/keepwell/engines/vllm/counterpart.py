"""What vLLM takes of a model that is moved to it: safetensors, quantised or not; and how it is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

from keepwell.core.words import size
from keepwell.plugins.counterpart import (
    UNKNOWN_MODEL,
    Chosen,
    Counterpart,
    Mount,
    MovedModel,
    Need,
    Serving,
    clean_name,
)

#: --gpu-memory-utilization where nothing is said (vllm/config/cache.py, 0.32).
MEMORY_RATIO = 0.92
#: For activations, CUDA graphs and the library itself: vLLM measures it at its start. An allowance, not a sum.
WORK_BYTES = 2 * 1024**3
#: Bits a weight: a group of 128 shares a scale of 16 bits and a zero of 4 (AWQ and GPTQ, group size 128).
FOUR_BITS = 4 + (16 + 4) / 128
#: Published images by toolkit; its image for processors is another.
IMAGES = {"cuda": "vllm/vllm-openai:latest", "rocm": "vllm/vllm-openai-rocm:latest"}
FOLDER, CACHE = "/models", "/root/.cache/huggingface"
#: Seconds to fetch nothing, load, compile and capture graphs of a large model.
START_SECONDS = 900
_HEALTH = "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/health', timeout=5)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """A way to keep weights: its name, bits a weight, flags, and whether it is made of 16 bits while loading."""

    name: str
    bits: float
    why: str
    flags: tuple[str, ...] = ()
    made_at_start: bool = False
    word: str = ""


_SIXTEEN = _Form(name="BF16", bits=16.0, why="nothing is lost", made_at_start=True)
_EIGHT = _Form(
    name="FP8",
    bits=8.0,
    why="8 bits; made from the weights of 16 bits while they are loaded",
    flags=("--quantization", "fp8_per_tensor"),
    made_at_start=True,
)
_FOUR = _Form(name="AWQ or GPTQ, 4 bits", bits=FOUR_BITS, why="4 bits in groups of 128", word="awq")
_FP4 = _Form(name="MXFP4", bits=4.25, why="the same 4 bits with a scale of 8 for 32", word="mxfp4")
#: Beginnings of GGUF quantisations, and the forms that correspond, the nearest first.
_FORMS = (
    (("F32", "F16", "BF16"), (_SIXTEEN, _EIGHT)),
    (("Q8", "Q6", "Q5"), (_EIGHT, _SIXTEEN)),
    (("MXFP4",), (_FP4, _FOUR)),
    (("",), (_FOUR, _EIGHT)),
)


def list_counterparts(model: MovedModel) -> tuple[Counterpart, ...]:
    """Safetensors: the same folder where there is one, else what corresponds to the quantisation; then the GGUF."""
    if model.format == "safetensors" and model.path:
        told = "its files"
        need = reckon(model, model.weight_bytes, told)
        why = "the same files: the same weights, nothing to fetch"
        kept = Counterpart(
            format="safetensors",
            quantisation=model.quantisation,
            model=model.path,
            need=need,
            why=why,
            same_file=True,
        )
        return (kept,)
    kind = model.quantisation.upper()
    forms = next(found for beginnings, found in _FORMS if kind.startswith(beginnings))
    return (*(_counterpart(model, one) for one in forms), *_itself(model))


def reckon_usable(card_bytes: int) -> tuple[int, str]:
    """The share of --gpu-memory-utilization."""
    usable = int(card_bytes * MEMORY_RATIO)
    return usable, f"{size(card_bytes)} * {MEMORY_RATIO} (--gpu-memory-utilization) = {size(usable)}"


def reckon(model: MovedModel, weight_bytes: int, weight_sum: str) -> Need:
    """The need of weights of so many bytes, with the cache for all requests at once at their full length."""
    sums = [f"weights: {weight_sum} = {size(weight_bytes)}"]
    shape = model.shape
    if shape is None or not weight_bytes:
        return Need(weight_bytes=weight_bytes, sums=(*sums, "cache: not known, the shape of the model is not"))
    heads, width, slots = sum(shape.kv_heads), shape.key_width + shape.value_width, max(1, model.at_once)
    per_token = heads * width * 2 * slots
    context = model.context_tokens or shape.context_tokens
    sums += [
        f"cache: {context} tokens * {slots} at once * {heads} heads of keys and values in {shape.layers} layers"
        f" * {width} numbers * 2 bytes = {size(context * per_token)} (vllm/v1/kv_cache_interface.py)",
        f"computing: {size(WORK_BYTES)}, an allowance: vLLM measures it at its start",
    ]
    return Need(
        weight_bytes=weight_bytes,
        cache_bytes=context * per_token,
        work_bytes=WORK_BYTES,
        cache_token_bytes=float(per_token),
        sums=tuple(sums),
    )


def make_servings(chosen: Sequence[Chosen], toolkit: str) -> tuple[Serving, ...]:
    """One server for each model."""
    return tuple(_serve(one, toolkit) for one in chosen)


def _counterpart(model: MovedModel, form: _Form) -> Counterpart:
    tables, rest = model.table_parameters, max(0, model.parameters - model.table_parameters)
    weights = round(rest * form.bits / 8) + tables * 2
    told = f"{rest} weights * {form.bits:.4g} bits / 8 + {tables} of the tables of tokens * 2 bytes"
    name = model.source * form.made_at_start
    return Counterpart(
        format="safetensors",
        quantisation=form.name,
        model=name,
        need=reckon(model, weights, told),
        why=f"{model.quantisation or 'weights whose kind is not known'} corresponds to it: {form.why}",
        find=tuple(_how_to_find(model, form)) * (not name),
        notes=("FP8 takes a card of compute capability 7.5, which computes in 8 bits from 8.9 on; before 0.20: fp8",)
        * (form is _EIGHT),
        flags=form.flags,
    )


def _how_to_find(model: MovedModel, form: _Form) -> Iterator[str]:
    """Words for a search, from what the file says of itself."""
    if model.source:
        yield (
            f"quantised ones of {model.source}: https://huggingface.co/models?other=base_model:quantized:{model.source}"
            f"&search={form.word}"
        )
        return
    named = model.said_name or model.name.partition(":")[0]
    words = f"{named} {form.word}".strip()
    yield f"the file does not name the repository of its weights: https://huggingface.co/models?search={quote_plus(words)}"
    if model.bases:
        yield f"it was made of {', '.join(model.bases)}, which may be other weights (untuned): look at that page"


def _itself(model: MovedModel) -> tuple[Counterpart, ...]:
    if model.format != "gguf" or not model.path:
        return ()
    flags = ("--tokenizer", model.source) * bool(model.source)
    notes = [
        "since 0.24 it needs the plugin vllm-gguf-plugin, and reads some architectures alone; before, experimental",
        "one file alone: a split one must be merged first (llama-gguf-split --merge)",
        "its name must end in .gguf or the file be known as one: link it under such a name",
    ]
    notes += ["give --tokenizer the repository of the original: converting the file's own is slow and fails"] * (
        not flags
    )
    return (
        Counterpart(
            format="gguf",
            quantisation=model.quantisation,
            model=model.path,
            need=reckon(model, model.weight_bytes, "all tensors of the file"),
            why="the same file, which it can read in part",
            same_file=True,
            notes=tuple(notes),
            flags=flags,
        ),
    )


def _serve(one: Chosen, toolkit: str) -> Serving:
    model, form = one.model, one.counterpart
    path = form.model or UNKNOWN_MODEL
    local = path.startswith("/")
    name = clean_name(f"vllm-{model.name}")
    inside = path
    mounts: tuple[Mount, ...] = ()
    if local:
        inside = f"{FOLDER}/{clean_name(model.name)}"
        mounts = (Mount(outside=path, inside=inside),)
    rest = ["--served-model-name", *model.names, "--port", str(one.port), "--max-num-seqs", str(max(1, model.at_once))]
    if model.context_tokens:
        rest += ["--max-model-len", str(model.context_tokens)]
    rest += ["--gpu-memory-utilization", f"{one.memory_ratio or MEMORY_RATIO:g}", *form.flags]
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if local:
        quiet["HF_HUB_OFFLINE"] = "1"
    return Serving(
        name=name,
        models=model.names,
        argv=("vllm", "serve", path, "--host", "127.0.0.1", *rest),
        port=one.port,
        image=IMAGES.get(toolkit, IMAGES["cuda"]),
        image_argv=("--model", inside, "--host", "0.0.0.0", *rest),
        health=("CMD", "python3", "-c", _HEALTH.format(port=one.port)),
        start_seconds=START_SECONDS,
        environment=quiet,
        image_environment=quiet,
        secrets=("VLLM_API_KEY", "HF_TOKEN"),
        mounts=mounts,
        cache_folder=CACHE * (not local),
        shared_memory=True,
        notes=tuple(_notes(one, toolkit)),
    )


def _notes(one: Chosen, toolkit: str) -> Iterator[str]:
    if toolkit not in IMAGES:
        yield "the image is made for cuda, and the card is not known to be one of those"
    if one.model.at_once:
        yield "more requests at once wait; raise --max-num-seqs where the cache has room"
    yield "tools and thoughts need their parsers: --enable-auto-tool-choice --tool-call-parser, --reasoning-parser"
