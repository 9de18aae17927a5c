"""Likeness of texts as the cosine between their weighted counts: 1 for the same text, 0 for nothing in common.

A part (a word, a group of letters) weighs (1 + ln count) x ln(texts / texts that hold it): TF-IDF, from Salton and
Buckley, "Term-weighting approaches in automatic text retrieval", 1988. Parts that no known text holds make
a text less like any of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

#: What a part counts for that no known text holds, as a share of the rarest known one: half of them are names.
UNKNOWN_SHARE = 0.5


class Vectors:
    """Known texts, each as its counts of parts, numbered from 0."""

    def __init__(self, counted: Sequence[Mapping[str, int]]) -> None:
        holding = Counter(part for counts in counted for part in counts)
        self._rarity = {part: math.log((len(counted) + 1) / count) for part, count in holding.items()}
        self._rarest = UNKNOWN_SHARE * math.log(len(counted) + 1)
        self._known = [self._weigh(counts) for counts in counted]

    def compare(self, counts: Mapping[str, int], numbers: Iterable[int]) -> dict[int, float]:
        """How alike a text with these counts is to each of the numbered ones, 0..1; some 0.1 ms for each."""
        asked = self._weigh(counts)
        return {number: _cosine(asked, self._known[number]) for number in numbers}

    def alike(self, counts: Mapping[str, int], other: Mapping[str, int]) -> float:
        """How alike two texts are, 0..1, by parts that any known text holds."""
        return _cosine(self._weigh(counts), self._weigh(other))

    def _weigh(self, counts: Mapping[str, int]) -> dict[str, float]:
        """Weights of the parts, scaled so that all of them have length 1; those that no text holds are left out."""
        weights = {part: (1 + math.log(count)) * self._rarity.get(part, self._rarest) for part, count in counts.items()}
        length = math.sqrt(math.fsum(weight * weight for weight in weights.values())) or 1.0
        return {part: weight / length for part, weight in weights.items() if part in self._rarity}


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    # summed exactly, so that the order in which a set gives its parts does not matter
    return min(1.0, math.fsum(one[part] * other[part] for part in one.keys() & other.keys()))
