"""The shape of a model from a GGUF file's header: what its memory can be computed from. Nothing in it is trusted."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from keepwell.formats.weights import (
    Reader,
    read_gguf_start,
    read_tensor_size,
    skip_value,
)

_TEXT, _ARRAY = 8, 9
#: GGUF's number types and how `struct` writes them.
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 7: "<?", 10: "<Q", 11: "<q"}
#: Items of an array that are read: a model has at most some hundred layers.
MAX_LAYERS = 2000
#: Keys of a model's shape, without the architecture before them (gguf-py's constants, and llama.cpp's llama-arch.cpp).
_KEYS = (
    *("block_count", "context_length", "embedding_length", "attention.head_count", "attention.head_count_kv"),
    *("attention.key_length", "attention.value_length", "attention.sliding_window", "vocab_size"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What a header tells; 0 for a number that it does not tell.

    `kv_heads` are heads of keys and values by layer. `weight_bytes` are all tensors, `output_bytes` those of the last
    layer, `embedding_bytes` those of the table of tokens.
    """

    architecture: str
    layers: int
    context_tokens: int = 0
    width: int = 0
    heads: int = 0
    kv_heads: tuple[int, ...] = ()
    key_width: int = 0
    value_width: int = 0
    window_tokens: int = 0
    vocabulary: int = 0
    weight_bytes: int = 0
    output_bytes: int = 0
    embedding_bytes: int = 0


@dataclass(slots=True)
class _Keys:
    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def parse_gguf_shape(head: bytes) -> ModelShape:
    """The shape from a file's first bytes. Raises HeaderCut where the header goes on, ValueError where it is none."""
    reader, tensors, keys = read_gguf_start(head)
    found = _read_keys(reader, keys)
    sizes = [read_tensor_size(reader) for _ in range(tensors)]
    return _shape(found, sizes)


def _read_keys(reader: Reader, count: int) -> _Keys:
    found = _Keys()
    for _ in range(count):
        name, kind = reader.text().decode("utf-8", "replace"), reader.number("<I")
        if kind in _NUMBERS:
            found.numbers[name] = (reader.number(_NUMBERS[kind]),)
        elif kind == _TEXT:
            found.texts[name] = reader.text()[:200].decode("utf-8", "replace")
        elif kind == _ARRAY:
            _read_array(reader, name, found)
        else:
            skip_value(reader, kind)
    return found


def _read_array(reader: Reader, name: str, found: _Keys) -> None:
    """Numbers of layers are kept, of everything else how many there are."""
    inner, count = struct.unpack_from("<IQ", _peek(reader, 12))
    found.counts[name] = count
    if inner in _NUMBERS and count <= MAX_LAYERS:
        reader.skip(12)
        found.numbers[name] = tuple(reader.number(_NUMBERS[inner]) for _ in range(count))
    else:
        skip_value(reader, _ARRAY)


def _peek(reader: Reader, length: int) -> bytes:
    reader.need(length)
    return reader.content[reader.place : reader.place + length]


def _shape(found: _Keys, sizes: list[tuple[bytes, int]]) -> ModelShape:
    architecture = found.texts.get("general.architecture", "")
    told = {key: found.numbers.get(f"{architecture}.{key}", ()) for key in _KEYS}
    one = {key: max(values, default=0) for key, values in told.items()}
    layers, heads, width = one["block_count"], one["attention.head_count"], one["embedding_length"]
    if not 0 < layers <= MAX_LAYERS:
        raise ValueError(f"a model of {layers} layers is none")
    per_head = width // max(1, heads)
    by_layer = told["attention.head_count_kv"] or (heads,)
    if len(by_layer) != layers:
        by_layer = (by_layer[0],) * layers
    output = sum(size for name, size in sizes if name in (b"output.weight", b"output_norm.weight"))
    return ModelShape(
        architecture=architecture,
        layers=layers,
        context_tokens=one["context_length"],
        width=width,
        heads=heads,
        kv_heads=by_layer,
        key_width=one["attention.key_length"] or per_head,
        value_width=one["attention.value_length"] or per_head,
        window_tokens=one["attention.sliding_window"],
        vocabulary=one["vocab_size"] or found.counts.get("tokenizer.ggml.tokens", 0),
        weight_bytes=sum(size for _, size in sizes),
        output_bytes=output,
        embedding_bytes=sum(size for name, size in sizes if name == b"token_embd.weight"),
    )
