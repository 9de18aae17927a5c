"""Names that must be given once: found in 16 bytes a name, however long the names are."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

#: Parts that are looked through one at a time, so that sorting needs little memory beside.
_PARTS = 256


class Names:
    """Every name's hash and number. Two names may share a hash: what is found here has to be looked at again."""

    def __init__(self) -> None:
        self._hashes = [array("q") for _ in range(_PARTS)]
        self._numbers = [array("q") for _ in range(_PARTS)]

    def add(self, name: str, number: int) -> None:
        """One more."""
        found = hash(name)
        part = found & (_PARTS - 1)
        self._hashes[part].append(found)
        self._numbers[part].append(number)

    def find_alike(self) -> Iterator[tuple[int, ...]]:
        """Numbers, in order, of names that may be the same."""
        for hashes, numbers in zip(self._hashes, self._numbers, strict=True):
            if len(set(hashes)) == len(hashes):
                continue
            alike: dict[int, list[int]] = {}
            for found, number in zip(hashes, numbers, strict=True):
                alike.setdefault(found, []).append(number)
            yield from (tuple(one) for one in alike.values() if len(one) > 1)
