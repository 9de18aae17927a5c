"""What a file says of its model, and nothing that it does not say."""

from __future__ import annotations

import contextlib
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.gguf_about import parse_gguf_about
from keepwell.formats.weights import HeaderCut
from tests.formats.test_gguf_shape import header, number, tensor, text


def word(name: str, value: str) -> bytes:
    """A key with a text."""
    return text(name) + struct.pack("<I", 8) + text(value)


def test_what_a_file_says() -> None:
    found = parse_gguf_about(
        header(
            word("general.name", "Qwen2.5 7B Instruct"),
            word("general.base_model.0.repo_url", "https://huggingface.co/Qwen/Qwen2.5-7B"),
            word("tokenizer.chat_template", "{{ messages }}"),
            number("general.file_type", 15),
            tensors=(tensor("token_embd.weight", 64, 100), tensor("blk.0.ffn_up.weight", 64, 32, kind=12)),
        )
    )
    assert (found.name, found.file_type, found.has_template) == ("Qwen2.5 7B Instruct", "Q4_K_M", True)
    assert (found.parameters, found.table_parameters) == (6400 + 2048, 6400)
    assert found.bases == ("Qwen/Qwen2.5-7B",)
    assert found.source == "", "an instruct model's base is the untuned one: other weights"


def test_a_base_that_is_called_the_same_is_the_source() -> None:
    base = word("general.base_model.0.repo_url", "https://huggingface.co/Qwen/Qwen2.5-7B-Instruct")
    assert parse_gguf_about(header(word("general.name", "Qwen2.5 7B Instruct"), base)).source == (
        "Qwen/Qwen2.5-7B-Instruct"
    )
    told = word("general.source.repo_url", "https://huggingface.co/a/b")
    assert parse_gguf_about(header(base, told)).source == "a/b"


def test_an_address_elsewhere_is_no_repository() -> None:
    for address in ("https://example.org/a/b", "https://huggingface.co/a", "https://huggingface.co/a/b/tree/main", "x"):
        assert parse_gguf_about(header(word("general.source.repo_url", address))).source == ""


def test_nothing_is_said() -> None:
    found = parse_gguf_about(header())
    assert (found.name, found.file_type, found.source, found.bases, found.parameters) == ("", "", "", (), 0)


@given(st.binary(max_size=200), st.integers(0, 400))
@settings(max_examples=200)
def test_rubbish_is_refused_and_never_more(tail: bytes, cut: int) -> None:
    whole = header(word("general.name", "a"), number("general.file_type", 7), tensors=(tensor("a", 3, 4),))
    for content in (whole[:cut], whole[:30] + tail, b"GGUF" + tail):
        with contextlib.suppress(HeaderCut, ValueError):
            parse_gguf_about(content)
