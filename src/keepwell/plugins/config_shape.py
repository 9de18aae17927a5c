"""The shape of a model from its config.json, as the transformers library writes it; memory is reckoned from it."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.observation import Missing, absent
from keepwell.formats.gguf_shape import MAX_LAYERS, ModelShape
from keepwell.plugins.ask import Fields, parse_fields

#: Most bytes of such a file: they are some KB.
CONFIG_BYTES = 1024 * 1024
#: Kinds of numbers in it, as they are called elsewhere, with the bytes of one.
_KINDS = {"float32": ("F32", 4), "float16": ("F16", 2), "bfloat16": ("BF16", 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigShape:
    """The shape, how the weights are kept ("" unknown), and the bytes of one; 0 where they are quantised or unknown."""

    shape: ModelShape
    quantisation: str
    weight_width: int


def parse_config_shape(content: bytes) -> ConfigShape | Missing:
    """From the file's bytes; Missing where it is no JSON mapping or tells of no layers.

    `weight_bytes` of the shape is 0: the file does not tell it.
    """
    found = parse_fields(content)
    if isinstance(found, Missing):
        return found
    inner = Fields(data={**found.fields("text_config").data, **found.data})
    layers, heads = inner.integer("num_hidden_layers"), inner.integer("num_attention_heads")
    width = inner.integer("hidden_size")
    if not 0 < layers <= MAX_LAYERS or not heads or not width:
        return absent("it tells of no layers and heads")
    each = inner.integer("head_dim") or width // heads
    method = found.fields("quantization_config").text("quant_method")
    name, number_bytes = _KINDS.get(inner.text("torch_dtype") or inner.text("dtype"), ("", 0))
    return ConfigShape(
        shape=ModelShape(
            architecture=found.text("model_type"),
            layers=layers,
            context_tokens=inner.integer("max_position_embeddings"),
            width=width,
            heads=heads,
            kv_heads=(inner.integer("num_key_value_heads") or heads,) * layers,
            key_width=each,
            value_width=each,
            window_tokens=inner.integer("sliding_window"),
            vocabulary=inner.integer("vocab_size"),
        ),
        quantisation=method.upper() or name,
        weight_width=number_bytes * (not method),
    )
