"""Protocol Buffers on the wire, as far as messages are written here: fields by number, no schema. Pure.

Numbers of fields come from the .proto files that each writer names.
"""

from __future__ import annotations

import struct

#: As what a body in this form is sent.
CONTENT_TYPE = "application/x-protobuf"
#: Wire types: a number of variable length, eight bytes, and bytes with their length.
_VARINT, _FIXED64, _BYTES = 0, 1, 2
_ALL_BITS = 0xFFFFFFFFFFFFFFFF
_DOUBLE, _FIXED = struct.Struct("<d"), struct.Struct("<Q")


def write_text(place: int, text: str) -> bytes:
    """A string; what UTF-8 cannot hold is replaced."""
    return write_part(place, text.encode("utf-8", "replace"))


def write_part(place: int, content: bytes) -> bytes:
    """Bytes, or a message within this one."""
    return write_varint(place << 3 | _BYTES) + write_varint(len(content)) + content


def write_number(place: int, value: int) -> bytes:
    """A whole number; a negative one takes ten bytes, as int32 and int64 want it."""
    return write_varint(place << 3 | _VARINT) + write_varint(value & _ALL_BITS)


def write_double(place: int, value: float) -> bytes:
    """A number with eight bytes."""
    return write_varint(place << 3 | _FIXED64) + _DOUBLE.pack(value)


def write_fixed(place: int, value: int) -> bytes:
    """A whole number with eight bytes, for instants in nanoseconds."""
    return write_varint(place << 3 | _FIXED64) + _FIXED.pack(value)


def write_varint(value: int) -> bytes:
    """A number of variable length, not below 0."""
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
