"""Fair samples of endless numbers, in bounded memory."""

from __future__ import annotations

from array import array
from math import exp, floor, log
from random import Random

#: Numbers that are kept: a 99th percentile stands on 80 of them.
KEPT = 8_192


class Sample:
    """Each number that was offered is in it with the same chance (Li's algorithm L): all of them while they are few.

    `left` is how many of the next numbers need not be offered at all: whoever offers very many counts it down.
    """

    __slots__ = ("_random", "_weight", "kept", "left", "most")

    def __init__(self, seed: int, most: int = KEPT) -> None:
        self.kept: array[float] = array("d")
        self.most = most
        self.left = 0
        self._random = Random(seed)
        self._weight = 1.0

    def offer(self, number: float) -> None:
        """One more number."""
        if self.left:
            self.left -= 1
            return
        if len(self.kept) < self.most:
            self.kept.append(number)
            if len(self.kept) < self.most:
                return
        else:
            self.kept[int(self._random.random() * self.most)] = number
        self._weight *= exp(log(1.0 - self._random.random()) / self.most)
        self.left = floor(log(1.0 - self._random.random()) / log(1.0 - self._weight))
