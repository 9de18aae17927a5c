"""What a GGUF needs in memory, and which GGUF corresponds to weights that are kept otherwise; the sums in words."""

from __future__ import annotations

from keepwell.core.words import size
from keepwell.plugins.counterpart import Counterpart, MovedModel, Need
from keepwell.plugins.memory_plan import USUAL_BATCH, plan_memory

#: Bits a weight of whole files, tables and all, of an 8B model of Llama's kind: tools/quantize/README.md of llama.cpp.
BITS = {"F16": 16.0005, "BF16": 16.0005, "Q8_0": 8.5008, "Q6_K": 6.5633, "Q5_K_M": 5.7036, "Q4_K_M": 4.8944}
#: The GGUF that corresponds to words in the name of a way to quantise, in the order in which they are looked for.
_CORRESPONDS = (
    (("mxfp4",), "MXFP4"),
    (("awq", "gptq", "int4", "w4a16", "nf4", "nvfp4", "4bit", "4-bit"), "Q4_K_M"),
    (("fp8", "int8", "w8a8", "8bit", "8-bit", "mxfp8"), "Q8_0"),
    (("f32", "float32", "fp32", "f16", "float16", "half", "bf16", "bfloat16"), "BF16"),
)
#: Where nothing tells how the weights are kept.
USUAL = "Q4_K_M"
#: Where the formula of a term is from.
CACHE_SOURCE = "llama.cpp, llama-kv-cache.cpp"
WORK_SOURCE = "an upper bound after Ollama's GraphSize, fs/ggml/ggml.go"


def find_gguf_kind(quantisation: str) -> str:
    """The GGUF quantisation that corresponds to how weights are kept elsewhere."""
    text = quantisation.lower()
    return next((kind for words, kind in _CORRESPONDS if any(word in text for word in words)), USUAL)


def reckon_gguf(model: MovedModel, weight_bytes: int, weight_sum: str) -> Need:
    """The need of a GGUF of this model whose weights take so much; without its shape of the weights alone."""
    sums = [f"weights: {weight_sum} = {size(weight_bytes)}"]
    shape = model.shape
    if shape is None or not weight_bytes:
        return Need(weight_bytes=weight_bytes, sums=(*sums, "cache: not known, the shape of the model is not"))
    slots = max(1, model.at_once)
    context = model.context_tokens or shape.context_tokens
    plan = plan_memory(shape, context_tokens=context, slots=slots)
    heads, width = sum(shape.kv_heads), shape.key_width + shape.value_width
    per_token = heads * width * 2
    sums.append(
        f"cache: {context} tokens * {slots} at once * {heads} heads of keys and values in {shape.layers} layers"
        f" * {width} numbers * 2 bytes = {size(plan.cache_bytes)} ({CACHE_SOURCE})"
    )
    sums.append(f"computing {min(USUAL_BATCH, context * slots)} at once: {size(plan.compute_bytes)} ({WORK_SOURCE})")
    if shape.window_tokens:
        sums.append(f"it looks back {shape.window_tokens} tokens in some layers, so the cache is smaller than that")
    return Need(
        weight_bytes=weight_bytes,
        cache_bytes=plan.cache_bytes,
        work_bytes=plan.compute_bytes,
        cache_token_bytes=float(per_token * slots),
        sums=tuple(sums),
    )


def take_gguf(model: MovedModel) -> Counterpart:
    """The very file, where it is a GGUF."""
    notes = [f"{one} belongs to it too and is not in the start" for one in model.more_files]
    if not model.has_template and not model.embeds:
        notes.append("the file carries no template of chats: write one with the engine's own option, or chats go wrong")
    return Counterpart(
        format="gguf",
        quantisation=model.quantisation,
        model=model.path,
        need=reckon_gguf(model, model.weight_bytes, "all tensors of the file"),
        why="the same file: the same weights, nothing to fetch",
        same_file=True,
        notes=tuple(notes),
    )


def want_gguf(model: MovedModel) -> Counterpart:
    """The GGUF that corresponds to weights that are kept otherwise; it has to be found or made."""
    kind = find_gguf_kind(model.quantisation)
    bits = BITS.get(kind, BITS[USUAL])
    weights = round(model.parameters * bits / 8)
    told = f"{model.parameters} weights * {bits:g} bits / 8 (llama.cpp, tools/quantize/README.md)"
    base = model.source or model.said_name or model.name
    return Counterpart(
        format="gguf",
        quantisation=kind,
        model="",
        need=reckon_gguf(model, weights, told),
        why=f"{model.quantisation or 'weights whose kind is not known'} corresponds to {kind}",
        find=(
            f"look on the hub for a GGUF of {base}: its page lists 'Quantizations'",
            "or make one from weights of 16 bits: convert_hf_to_gguf.py FOLDER --outtype bf16 --outfile a.gguf;"
            f" llama-quantize a.gguf b.gguf {kind}",
        ),
        notes=("a GGUF is made from weights of 16 bits, not from others that were quantised",),
    )
