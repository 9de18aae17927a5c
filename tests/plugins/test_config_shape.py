"""The shape of a model from its config.json."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.plugins.config_shape import ConfigShape, parse_config_shape

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
}


def parsed(**more: Any) -> ConfigShape:
    """The shape of Llama's configuration with these changes."""
    found = parse_config_shape(json.dumps({**LLAMA, **more}).encode())
    assert not isinstance(found, Missing)
    return found


def test_a_model_of_eight_billion() -> None:
    found = parsed()
    assert (found.quantisation, found.weight_width) == ("BF16", 2)
    assert (found.shape.kv_heads, found.shape.key_width, found.shape.layers) == ((8,) * 32, 128, 32)
    assert found.shape.context_tokens == 131072
    assert parsed(head_dim=64).shape.key_width == 64


def test_quantised_weights_have_no_width() -> None:
    found = parsed(quantization_config={"quant_method": "awq", "bits": 4})
    assert (found.quantisation, found.weight_width) == ("AWQ", 0)


def test_a_model_that_sees_has_its_text_inside() -> None:
    inner = {key: value for key, value in LLAMA.items() if key not in ("model_type", "torch_dtype")}
    found = parse_config_shape(json.dumps({"model_type": "seer", "dtype": "float16", "text_config": inner}).encode())
    assert not isinstance(found, Missing)
    assert (found.quantisation, found.shape.width) == ("F16", 4096)


@given(st.binary(max_size=80) | st.dictionaries(st.sampled_from(sorted(LLAMA)), st.integers() | st.none()).map(
    lambda one: json.dumps(one).encode()
))  # fmt: skip
@settings(max_examples=100)
def test_rubbish_is_missing_or_a_shape(content: bytes) -> None:
    found = parse_config_shape(content)
    assert isinstance(found, Missing) or 0 < found.shape.layers <= 2000
