"""Reads Protocol Buffers without a schema: fields by number. For tests of what is sent; raises ValueError."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

Fields: TypeAlias = dict[int, list[int | bytes]]


def read_fields(data: bytes) -> Fields:
    """Values by number of their field, in order: numbers of variable length as int, all others as bytes."""
    found: Fields = {}
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        value: int | bytes
        if tag & 7 == 0:
            value, place = _varint(data, place)
        elif tag & 7 == 1:
            value, place = data[place : place + 8], place + 8
        elif tag & 7 == 2:
            length, place = _varint(data, place)
            value, place = data[place : place + length], place + length
        else:
            raise ValueError(f"wire type {tag & 7}")
        if place > len(data):
            raise ValueError("cut short")
        found.setdefault(tag >> 3, []).append(value)
    return found


def parts(found: Fields, number: int) -> Iterator[bytes]:
    """All values of a field that are bytes."""
    for one in found.get(number, []):
        if not isinstance(one, bytes):
            raise ValueError(f"field {number} holds a number")
        yield one


def text(found: Fields, number: int) -> str:
    """The one text of a field; "" where it is not there."""
    return b"".join(parts(found, number)).decode("utf-8", "strict")


def double(found: Fields, number: int) -> float:
    """The one number with eight bytes of a field."""
    (value,) = struct.unpack("<d", next(parts(found, number)))
    return float(value)


def fixed(found: Fields, number: int) -> int:
    """The one whole number with eight bytes of a field."""
    return int.from_bytes(next(parts(found, number)), "little")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data):
            raise ValueError("cut short")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, place
