"""What a GGUF file says of the model in it: name, origin, how its weights are kept. Nothing in it is trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepwell.formats.weights import MAX_DIMENSIONS, Reader, read_gguf_start, skip_value

_TEXT, _UINT32 = 8, 4
#: Characters of a text that are kept: names and addresses are shorter.
TEXT_CHARACTERS = 300
#: Models that one may be made of; merges name some.
MAX_BASES = 8
#: `general.file_type` (llama.h, `enum llama_ftype`), without "mostly".
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS",
    20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
    39: "NVFP4",
}  # fmt: skip
#: The tables of tokens, which quantised formats mostly leave in 16 bits.
_TABLES = (b"token_embd.weight", b"output.weight")
#: A repository's name at the end of an address of the hub: owner and name, as the hub allows them.
_WORDS = re.compile(r"[a-z]+|[0-9]+")
_REPOSITORY = re.compile(r"https?://huggingface\.co/([A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufAbout:
    """What the header tells; "" and 0 for what it does not.

    `source` is the repository (OWNER/NAME) of these very weights before they were converted, `bases` those of models
    that it was made of, which may be other weights (a chat model's base is mostly the untuned one); `name` is its own
    word, `file_type` how the weights are kept, `parameters` how many numbers, of which `table_parameters` stand in the
    tables of tokens. `has_template`: it carries the template of chats.
    """

    name: str = ""
    file_type: str = ""
    source: str = ""
    bases: tuple[str, ...] = ()
    parameters: int = 0
    table_parameters: int = 0
    has_template: bool = False


def parse_gguf_about(head: bytes) -> GgufAbout:
    """From a file's first bytes. Raises HeaderCut where the header goes on, ValueError where it is none."""
    reader, tensors, keys = read_gguf_start(head)
    texts, kind = _read_texts(reader, keys)
    items = [_read_items(reader) for _ in range(tensors)]
    bases = tuple(filter(None, (_find_repository(texts, f"general.base_model.{one}") for one in range(MAX_BASES))))
    name = texts.get("general.name", "")
    return GgufAbout(
        name=name,
        file_type=FILE_TYPES.get(kind, ""),
        source=_find_source(texts, name, bases),
        bases=bases,
        parameters=sum(count for _, count in items),
        table_parameters=sum(count for name, count in items if name in _TABLES),
        has_template="tokenizer.chat_template" in texts,
    )


def _find_source(texts: Mapping[str, str], name: str, bases: Sequence[str]) -> str:
    """The repository that the file names as its source, else a base that is called as the model itself is; or ""."""
    told = _find_repository(texts, "general.source")
    if told:
        return told
    return next((one for one in bases if name and _words(one.partition("/")[2]) == _words(name)), "")


def _find_repository(texts: Mapping[str, str], key: str) -> str:
    match = _REPOSITORY.fullmatch(texts.get(f"{key}.repo_url", ""))
    if match is None:
        return ""
    return match[1]


def _words(name: str) -> list[str]:
    return _WORDS.findall(name.lower())


def _read_texts(reader: Reader, count: int) -> tuple[dict[str, str], int]:
    """The texts by key, and the number of `general.file_type`, -1 where there is none."""
    texts: dict[str, str] = {}
    file_type = -1
    for _ in range(count):
        name, kind = reader.text().decode("utf-8", "replace"), reader.number("<I")
        if kind == _TEXT:
            texts[name] = reader.text()[:TEXT_CHARACTERS].decode("utf-8", "replace")
        elif name == "general.file_type" and kind == _UINT32:
            file_type = reader.number("<I")
        else:
            skip_value(reader, kind)
    return texts, file_type


def _read_items(reader: Reader) -> tuple[bytes, int]:
    """Pass over one tensor's entry; its name and how many numbers it holds."""
    name = reader.text()
    count = reader.number("<I")
    if count > MAX_DIMENSIONS:
        raise ValueError(f"a tensor of {count} dimensions is rubbish")
    items = 1
    for _ in range(count):
        items *= reader.number("<Q")
    reader.skip(4 + 8)
    return name, items
