"""Numbers that are done, a bit each: a million of them are 125 kB, in memory as on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: Numbers of a page, as pages are kept: one changes at a time, since tasks are done nearly in their order.
PAGE_BITS = 12
PAGE_BYTES = (1 << PAGE_BITS) // 8


class DoneBits:
    """The numbers; `low` is the first one that is not among them."""

    __slots__ = ("_bits", "_changed", "low")

    def __init__(self, pages: Iterable[tuple[int, bytes]] = ()) -> None:
        """Of pages as `take_changed` gave them."""
        self._bits = bytearray()
        self._changed: set[int] = set()
        self.low = 0
        for page, bits in pages:
            self._grow((page + 1) * PAGE_BYTES)
            self._bits[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = bits
        self._raise_low()

    def __contains__(self, number: int) -> bool:
        at = number >> 3
        return number < self.low or (at < len(self._bits) and bool(self._bits[at] >> (number & 7) & 1))

    def add(self, numbers: Iterable[int]) -> None:
        """These are done."""
        for number in numbers:
            self._grow(((number >> PAGE_BITS) + 1) * PAGE_BYTES)
            self._bits[number >> 3] |= 1 << (number & 7)
            self._changed.add(number >> PAGE_BITS)
        self._raise_low()

    def take_changed(self) -> Iterator[tuple[int, bytes]]:
        """Pages that are another since the last time, with their numbers."""
        for page in sorted(self._changed):
            yield page, bytes(self._bits[page * PAGE_BYTES : (page + 1) * PAGE_BYTES])
        self._changed.clear()

    def _grow(self, size: int) -> None:
        if len(self._bits) < size:
            self._bits.extend(bytes(size - len(self._bits)))

    def _raise_low(self) -> None:
        low, bits = self.low, self._bits
        while low >> 3 < len(bits):
            byte = bits[low >> 3]
            if not low & 7 and byte == 0xFF:
                low += 8
            elif byte >> (low & 7) & 1:
                low += 1
            else:
                break
        self.low = low
