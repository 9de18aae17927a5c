"""Headers of model files: what they promise, and that nothing in them is believed."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.weights import HeaderCut, parse_gguf_extent, parse_safetensors_extent, split_parts


def text(word: bytes) -> bytes:
    """A string of GGUF."""
    return struct.pack("<Q", len(word)) + word


def gguf(keys: list[bytes], tensors: list[bytes], version: int = 3) -> bytes:
    """A GGUF header."""
    return b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join([*keys, *tensors])


def tensor(name: bytes, shape: list[int], kind: int, offset: int) -> bytes:
    """One tensor's entry."""
    return (
        text(name)
        + struct.pack("<I", len(shape))
        + struct.pack(f"<{len(shape)}Q", *shape)
        + struct.pack("<IQ", kind, offset)
    )


ALIGNMENT = text(b"general.alignment") + struct.pack("<II", 4, 64)
WORDS = text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"bc")
NUMBERS = text(b"scores") + struct.pack("<IIQ3f", 9, 6, 3, 1, 2, 3)


@pytest.mark.parametrize(
    ("kind", "items", "size"),
    [(0, 64, 256), (1, 64, 128), (2, 64, 36), (8, 64, 68), (12, 512, 288), (30, 10, 20), (99, 64, 0)],
)
def test_how_far_the_last_tensor_reaches(kind: int, items: int, size: int) -> None:
    head = gguf([WORDS, NUMBERS], [tensor(b"a", [items], kind, 0), tensor(b"b", [items], kind, 1024)])
    extent = parse_gguf_extent(head)
    assert extent.least_bytes == -(-len(head) // 32) * 32 + 1024 + size
    assert (extent.tensors, extent.exact) == (2, False)


def test_alignment_is_a_key() -> None:
    head = gguf([ALIGNMENT], [tensor(b"a", [2, 2], 0, 0)])
    assert parse_gguf_extent(head).least_bytes == -(-len(head) // 64) * 64 + 16


def test_a_real_file(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    from keepwell.testing.tiny_model import TinyModel, write_tiny_model

    for half in (False, True):
        path = write_tiny_model(tmp_path / "m.gguf", TinyModel(words=4, width=64, feed=64, half=half))
        assert parse_gguf_extent(path.read_bytes()).least_bytes == path.stat().st_size


@pytest.mark.parametrize("length", range(4, 200, 7))
def test_every_cut_of_a_header_is_told(length: int) -> None:
    head = gguf([WORDS], [tensor(b"a", [64], 0, 0)] * 2)
    if length < len(head):
        with pytest.raises(HeaderCut):
            parse_gguf_extent(head[:length])


@pytest.mark.parametrize(
    "head",
    [
        b"XXXX" + b"\0" * 40,
        gguf([], [], version=1),
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60),
        gguf([text(b"k") + struct.pack("<I", 77)], []),
        gguf([text(b"k") + struct.pack("<IIQ", 9, 9, 1)], []),
        gguf([], [text(b"t") + struct.pack("<I", 99)]),
    ],
)
def test_rubbish_is_no_gguf(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"not|rubbish|exist") as told:
        parse_gguf_extent(head)
    assert not isinstance(told.value, HeaderCut)


def safetensors(header: object) -> bytes:
    """A safetensors header."""
    body = json.dumps(header).encode()
    return struct.pack("<Q", len(body)) + body


def test_safetensors() -> None:
    head = safetensors({"__metadata__": {"a": "b"}, "x": {"data_offsets": [0, 4]}, "y": {"data_offsets": [4, 20]}})
    extent = parse_safetensors_extent(head + b"\0" * 20)
    assert (extent.least_bytes, extent.exact, extent.tensors) == (len(head) + 20, True, 2)
    with pytest.raises(HeaderCut):
        parse_safetensors_extent(head[:-1])
    with pytest.raises(HeaderCut):
        parse_safetensors_extent(b"\0" * 3)


@pytest.mark.parametrize(
    "head",
    [
        struct.pack("<Q", 1 << 40) + b"{}",
        struct.pack("<Q", 10) + b"<!doctype h",
        safetensors([1]),
        safetensors({"x": {}}),
        safetensors({"x": {"data_offsets": [4, 0]}}),
        safetensors({"x": {"data_offsets": [0, True]}}),
        struct.pack("<Q", 2) + b"{{",
    ],
)
def test_rubbish_is_no_safetensors(head: bytes) -> None:
    with pytest.raises(ValueError) as told:
        parse_safetensors_extent(head)
    assert not isinstance(told.value, HeaderCut)


@settings(max_examples=200)
@given(st.binary(max_size=120).map(lambda rest: b"GGUF\x03\0\0\0" + rest) | st.binary(max_size=60))
def test_any_bytes_are_a_value_error_at_worst(content: bytes) -> None:
    for parse in (parse_gguf_extent, parse_safetensors_extent):
        try:
            assert parse(content).least_bytes >= 0
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.gguf", ("a.gguf",)),
        ("a-00001-of-00002.gguf", ("a-00001-of-00002.gguf", "a-00002-of-00002.gguf")),
        ("b-c-00002-of-00002.gguf", ("b-c-00001-of-00002.gguf", "b-c-00002-of-00002.gguf")),
        ("a-00001-of-99999.gguf", ("a-00001-of-99999.gguf",)),
        ("a-1-of-2.gguf", ("a-1-of-2.gguf",)),
    ],
)
def test_parts_of_a_split_model(name: str, parts: tuple[str, ...]) -> None:
    assert split_parts(name) == parts
