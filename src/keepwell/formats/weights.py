"""Model files on disk: how long a GGUF or safetensors file must be, told by its own header.

A file that was cut in transit or on a full disk still opens; its header tells that tensors lie behind its
end. Only the header is read, and nothing in it is trusted: every count and length has a limit.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from itertools import pairwise

#: First bytes of a GGUF file, and the versions that exist (1 has 32-bit counts and is extinct).
GGUF_MAGIC = b"GGUF"
GGUF_VERSIONS = (2, 3)
#: Most tensors, keys and dimensions that a real model has are far below these; more is rubbish.
MAX_TENSORS = 100_000
MAX_KEYS = 10_000
MAX_DIMENSIONS = 8
#: safetensors' own limit on its header (100 MB), and the length field before it.
MAX_SAFETENSORS_HEADER = 100_000_000
SAFETENSORS_PREFIX = 8

#: Bytes of GGUF's scalar value types by number (8 is text, 9 an array).
_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY, _UINT32 = 8, 9, 4
#: Items in a block and bytes of a block by ggml tensor type; source: ggml.h and gguf-py constants.
_BLOCKS: dict[int, tuple[int, int]] = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 40),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
    34: (256, 54),
    35: (256, 66),
    39: (32, 17),
    40: (64, 36),
    41: (128, 18),
}


class HeaderCut(ValueError):
    """The bytes end inside the header: read more, or, where there is no more, the file is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a header promises: the least bytes of the whole file, whether that is exact, and its tensors."""

    least_bytes: int
    exact: bool
    tensors: int


def parse_gguf_extent(head: bytes) -> Extent:
    """The extent of a GGUF file from its first bytes.

    Raises HeaderCut when the header goes on behind them, ValueError when they are no GGUF. A tensor of a
    type that is not known here counts with its start alone, so `least_bytes` may then be too small, never
    too large.
    """
    reader, tensors, keys = read_gguf_start(head)
    alignment = _skip_keys(reader, keys)
    furthest = max((read_tensor(reader) for _ in range(tensors)), default=0)
    data = -(-reader.place // alignment) * alignment
    return Extent(least_bytes=data + furthest, exact=False, tensors=tensors)


def read_gguf_start(head: bytes) -> tuple[Reader, int, int]:
    """A reader behind the fixed part of a GGUF header, and how many tensors and keys follow; the same errors."""
    if head[:4] != GGUF_MAGIC[: len(head[:4])]:
        raise ValueError(f"the first bytes are {head[:4]!r}, not {GGUF_MAGIC!r}")
    reader = Reader(head, 4)
    version = reader.number("<I")
    if version not in GGUF_VERSIONS:
        raise ValueError(f"GGUF version {version} is not one that exists")
    tensors, keys = reader.number("<Q"), reader.number("<Q")
    if tensors > MAX_TENSORS or keys > MAX_KEYS:
        raise ValueError(f"a header with {tensors} tensors and {keys} keys is rubbish")
    return reader, tensors, keys


def parse_safetensors_extent(head: bytes) -> Extent:
    """The extent of a safetensors file from its first bytes; errors as for GGUF."""
    if len(head) < SAFETENSORS_PREFIX:
        raise HeaderCut("shorter than the length field of safetensors")
    length = int(struct.unpack_from("<Q", head)[0])
    if not 2 <= length <= MAX_SAFETENSORS_HEADER:
        raise ValueError(f"a safetensors header of {length} bytes cannot be")
    content = head[SAFETENSORS_PREFIX : SAFETENSORS_PREFIX + length]
    if content[:1] != b"{":
        raise ValueError("a safetensors header begins with a brace")
    if len(content) < length:
        raise HeaderCut("the header goes on")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the header is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("the header is not a mapping")
    ends = [_end_of(entry) for name, entry in found.items() if name != "__metadata__"]
    return Extent(least_bytes=SAFETENSORS_PREFIX + length + max(ends, default=0), exact=True, tensors=len(ends))


def split_parts(name: str) -> tuple[str, ...]:
    """Names of all files of a split GGUF, given one (`x-00001-of-00003.gguf`); the name alone if it is not split."""
    stem, dot, ending = name.rpartition(".")
    pieces = stem.rsplit("-", 3)
    if len(pieces) != 4 or pieces[2] != "of" or not dot or not all(_is_part(one) for one in (pieces[1], pieces[3])):
        return (name,)
    count = int(pieces[3])
    if not 1 <= count <= MAX_PARTS:
        return (name,)
    return tuple(f"{pieces[0]}-{number:05d}-of-{pieces[3]}.{ending}" for number in range(1, count + 1))


#: A split model has tens of parts; a name that says more is not believed.
MAX_PARTS = 1000


def _is_part(text: str) -> bool:
    return len(text) == 5 and text.isascii() and text.isdigit()


@dataclass(slots=True)
class Reader:
    """Reads a header from a place on; every step raises HeaderCut where the bytes end before it."""

    content: bytes
    place: int

    def number(self, shape: str) -> int:
        """One number, as `struct` writes its shape."""
        self.need(struct.calcsize(shape))
        found = int(struct.unpack_from(shape, self.content, self.place)[0])
        self.place += struct.calcsize(shape)
        return found

    def text(self) -> bytes:
        """Bytes with their length before them."""
        length = self.number("<Q")
        self.need(length)
        found = self.content[self.place : self.place + length]
        self.place += length
        return found

    def skip(self, length: int) -> None:
        """Pass over so many bytes."""
        self.need(length)
        self.place += length

    def need(self, length: int) -> None:
        """Raise HeaderCut unless so many bytes are there."""
        if self.place + length > len(self.content):
            raise HeaderCut(f"the header goes on behind byte {len(self.content)}")


def _skip_keys(reader: Reader, count: int) -> int:
    """Pass over the keys; returns the alignment of tensor data (32 unless a key says otherwise)."""
    alignment = 32
    for _ in range(count):
        name, kind = reader.text(), reader.number("<I")
        if name == b"general.alignment" and kind == _UINT32:
            alignment = max(1, min(reader.number("<I"), 1 << 20))
        else:
            skip_value(reader, kind)
    return alignment


def skip_value(reader: Reader, kind: int) -> None:
    """Pass over a value of this type of GGUF's. Raises ValueError for a type that does not exist."""
    if kind in _SCALARS:
        reader.skip(_SCALARS[kind])
    elif kind == _TEXT:
        reader.text()
    elif kind == _ARRAY:
        inner, count = reader.number("<I"), reader.number("<Q")
        if inner in _SCALARS:
            reader.skip(_SCALARS[inner] * count)
        elif inner == _TEXT:
            for _ in range(count):
                reader.text()
        else:
            raise ValueError(f"an array of type {inner} is rubbish")
    else:
        raise ValueError(f"a value of type {kind} is rubbish")


def read_tensor(reader: Reader) -> int:
    """Pass over one tensor's entry; returns where its data ends, counted from the start of the data."""
    _, size, offset = _tensor(reader)
    return offset + size


def read_tensor_size(reader: Reader) -> tuple[bytes, int]:
    """Pass over one tensor's entry; its name and the bytes of its data, 0 for a type that is not known here."""
    name, size, _ = _tensor(reader)
    return name, size


def _tensor(reader: Reader) -> tuple[bytes, int, int]:
    """One tensor's entry: its name, the bytes of its data, and where they begin."""
    name = reader.text()
    count = reader.number("<I")
    if count > MAX_DIMENSIONS:
        raise ValueError(f"a tensor of {count} dimensions is rubbish")
    items = 1
    for _ in range(count):
        items *= reader.number("<Q")
    kind, offset = reader.number("<I"), reader.number("<Q")
    per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
    return name, items // per_block * block_bytes, offset


def _end_of(entry: object) -> int:
    if not isinstance(entry, dict):
        raise ValueError("a tensor's entry is not a mapping")
    offsets = entry.get("data_offsets")
    if not isinstance(offsets, list) or len(offsets) != 2:
        raise ValueError("a tensor's entry has no data_offsets")
    if any(not isinstance(one, int) or isinstance(one, bool) or one < 0 for one in offsets):
        raise ValueError("a tensor's data_offsets are not places")
    if any(later < earlier for earlier, later in pairwise(offsets)):
        raise ValueError("a tensor ends before it begins")
    return int(offsets[1])
