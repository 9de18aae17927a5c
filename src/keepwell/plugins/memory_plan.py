"""How much memory a model will take, from its shape: weights, the cache of keys and values, room to compute.

Formulas, all in bytes:
- cache: for each layer `context * kv_heads * (key_width + value_width) * element`, as llama.cpp's llama-kv-cache.cpp
  allots it (tensors of `n_embd_k_gqa` and `n_embd_v_gqa` by `kv_size`); `context` is that of all slots together.
  A sliding window makes layers smaller, which of them is the model's own business: here all are counted whole.
- computing: `4 * batch * max(1 + 4 * width + context * (1 + heads), width + vocabulary)`, the estimate of Ollama's
  `GraphSize` (fs/ggml/ggml.go, releases 0.1.33 to 0.24) for models of Llama's kind; with flash attention less is used.
A plan is an upper bound where a window or flash attention is used, and none of a model whose state is not attention.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.formats.gguf_shape import ModelShape

#: Bytes of an element of the cache by its type; quantised ones with their scales (blocks of 32 in ggml-common.h).
ELEMENT_BYTES = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32}
ELEMENT_BYTES |= {"q4_1": 20 / 32, "q4_0": 18 / 32, "iq4_nl": 18 / 32}
#: Tokens that are computed at once where nobody says otherwise.
USUAL_BATCH = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """What a model needs: bytes of its weights, its cache, and to compute."""

    weight_bytes: int
    cache_bytes: int
    compute_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weight_bytes + self.cache_bytes + self.compute_bytes


def plan_memory(
    shape: ModelShape, *, context_tokens: int, slots: int = 1, cache_type: str = "f16", batch: int = USUAL_BATCH
) -> MemoryPlan:
    """The plan for a model with so many tokens of context for each slot; 0 tokens is the model's own context.

    Raises ValueError for a cache type that is not known.
    """
    if cache_type not in ELEMENT_BYTES:
        raise ValueError(f"no cache type {cache_type!r}; known: {', '.join(ELEMENT_BYTES)}")
    context = (context_tokens or shape.context_tokens) * max(1, slots)
    element = ELEMENT_BYTES[cache_type]
    per_token = sum(heads * (shape.key_width + shape.value_width) for heads in shape.kv_heads)
    cache = round(context * per_token * element)
    at_once = min(batch, context)
    graph = max(1 + 4 * shape.width + context * (1 + shape.heads), shape.width + shape.vocabulary)
    return MemoryPlan(weight_bytes=shape.weight_bytes, cache_bytes=cache, compute_bytes=4 * at_once * graph)
