"""The shape of a model is read from its file's header, and nothing in a header is believed."""

from __future__ import annotations

import contextlib
import importlib.util
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.gguf_shape import ModelShape, parse_gguf_shape
from keepwell.formats.weights import HeaderCut
from keepwell.plugins.memory_plan import plan_memory


def text(value: str) -> bytes:
    """A text as GGUF writes it."""
    return struct.pack("<Q", len(value)) + value.encode()


def number(name: str, value: int) -> bytes:
    """A key with a number."""
    return text(name) + struct.pack("<II", 4, value)


def header(*keys: bytes, tensors: tuple[bytes, ...] = ()) -> bytes:
    """A file's beginning."""
    name = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    return b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys) + 1) + name + b"".join(keys) + b"".join(tensors)


def tensor(name: str, *sizes: int, kind: int = 0) -> bytes:
    """A tensor's entry."""
    return text(name) + struct.pack("<I", len(sizes)) + struct.pack(f"<{len(sizes)}QIQ", *sizes, kind, 0)


#: A model like Llama 3.1 8B: 32 layers, 32 heads of 128, 8 of them of keys and values.
LLAMA = header(
    number("llama.block_count", 32),
    number("llama.context_length", 131072),
    number("llama.embedding_length", 4096),
    number("llama.attention.head_count", 32),
    number("llama.attention.head_count_kv", 8),
    number("llama.vocab_size", 128256),
    tensors=(tensor("token_embd.weight", 4096, 128256, kind=1), tensor("output.weight", 4096, 128256, kind=1)),
)


def test_a_model_of_eight_billion() -> None:
    shape = parse_gguf_shape(LLAMA)
    assert (shape.architecture, shape.layers, shape.heads, shape.kv_heads[0]) == ("llama", 32, 32, 8)
    assert (shape.key_width, shape.value_width, shape.vocabulary) == (128, 128, 128256)
    assert shape.weight_bytes == 2 * 2 * 4096 * 128256
    plan = plan_memory(shape, context_tokens=8192)
    assert plan.cache_bytes == 1 << 30, "128 KiB a token, as is known of this model"
    assert plan_memory(shape, context_tokens=8192, slots=4).cache_bytes == 4 << 30
    assert plan_memory(shape, context_tokens=8192, cache_type="q8_0").cache_bytes == (1 << 30) * 34 // 64
    assert plan_memory(shape, context_tokens=0).cache_bytes == 16 << 30, "its own context"
    with pytest.raises(ValueError, match="known: f32"):
        plan_memory(shape, context_tokens=1, cache_type="made-up")


def test_heads_may_differ_by_layer() -> None:
    heads = text("llama.attention.head_count_kv") + struct.pack("<IIQ3I", 9, 4, 3, 8, 0, 2)
    keys = (
        number("llama.block_count", 3),
        number("llama.embedding_length", 64),
        number("llama.attention.head_count", 8),
    )
    assert parse_gguf_shape(header(*keys, heads)).kv_heads == (8, 0, 2)


@given(st.integers(0, len(LLAMA) - 1))
@settings(max_examples=60)
def test_a_header_that_is_cut_is_told(length: int) -> None:
    with pytest.raises(HeaderCut):
        parse_gguf_shape(LLAMA[:length])


@given(st.integers(0, len(LLAMA) - 1), st.binary(min_size=1, max_size=8))
@settings(max_examples=150)
def test_rubbish_is_refused_or_read(place: int, rubbish: bytes) -> None:
    spoilt = LLAMA[:place] + rubbish + LLAMA[place + len(rubbish) :]
    with contextlib.suppress(ValueError):
        assert isinstance(parse_gguf_shape(spoilt), ModelShape)


def test_a_made_model_takes_what_llama_cpp_allots_for_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("gguf") is None:
        pytest.skip("the demo extra (gguf, numpy) is not installed")
    from keepwell.testing.tiny_model import TinyModel, write_tiny_model

    path = write_tiny_model(tmp_path / "m.gguf", TinyModel(tag="wide", layers=4, width=512, feed=1024))
    shape = parse_gguf_shape(path.read_bytes()[:1_000_000])
    plan = plan_memory(shape, context_tokens=2048, slots=2)
    mib = [round(one / (1 << 20), 1) for one in (plan.weight_bytes, plan.cache_bytes, plan.compute_bytes)]
    assert mib == [39.1, 16.0, 44.0], "its log says 39.06, 16.00 and 44.01 MiB (Ollama 0.9.3, on a processor)"
