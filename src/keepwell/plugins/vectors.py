"""Embeddings as formats write them: base64 of little-endian 32-bit numbers, and shorter than the engine made them."""

from __future__ import annotations

import binascii
import math
import sys
from array import array
from collections.abc import Sequence

#: Bytes of one number.
NUMBER_BYTES = 4
_BIG = sys.byteorder == "big"


class NoVector(ValueError):
    """A text that is no vector; what is wrong with it."""


def pack_vector(vector: Sequence[float]) -> str:
    """Its numbers as base64 of little-endian 32-bit ones; what is too large for them is infinite."""
    numbers = array("f", vector)
    if _BIG:
        numbers.byteswap()
    return binascii.b2a_base64(numbers.tobytes(), newline=False).decode("ascii")


def unpack_vector(text: str) -> tuple[float, ...]:
    """The numbers of such a text. Raises NoVector."""
    try:
        content = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise NoVector(f"a vector is no base64: {error}") from None
    if len(content) % NUMBER_BYTES:
        raise NoVector(f"a vector of {len(content)} bytes is not made of numbers of {NUMBER_BYTES}")
    numbers = array("f", content)
    if _BIG:
        numbers.byteswap()
    found = tuple(numbers)
    if not math.isfinite(sum(found)):
        raise NoVector("a vector holds something else than finite numbers")
    return found


def cut_vector(vector: Sequence[float], dimensions: int | None) -> Sequence[float]:
    """The first `dimensions` numbers, brought to length 1 again; the vector itself where no more are there.

    That is what Ollama does with its `dimensions`; engines that do not know the wish answer with all of them.
    """
    if dimensions is None or len(vector) <= dimensions:
        return vector
    first = vector[:dimensions]
    length = math.hypot(*first)
    if not length:
        return first
    return [one / length for one in first]
