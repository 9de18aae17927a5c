"""Likeness of texts as the cosine between their weighted counts: 1 for the same text, 0 for nothing in common.

A part (a word, a group of letters) weighs (1 + ln count) x ln(texts / texts that hold it): TF-IDF, from Salton and
Buckley, "Term-weighting approaches in automatic text retrieval", 1988. Parts that no known text holds are left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


class Vectors:
    """Known texts, each as its counts of parts, numbered from 0."""

    def __init__(self, counted: Sequence[Mapping[str, int]]) -> None:
        holding = Counter(part for counts in counted for part in counts)
        self._rarity = {part: math.log((len(counted) + 1) / count) for part, count in holding.items()}
        self._known = [self._weigh(counts) for counts in counted]

    def compare(self, counts: Mapping[str, int], numbers: Iterable[int]) -> dict[int, float]:
        """How alike a text with these counts is to each of the numbered ones, 0..1; some 0.1 ms for each."""
        asked = self._weigh(counts)
        return {number: self._cosine(asked, self._known[number]) for number in numbers}

    def _cosine(self, one: Mapping[str, float], other: Mapping[str, float]) -> float:
        # sorted, so that the same parts add up to the same sum whatever order a set gives them in
        shared = sorted(one.keys() & other.keys())
        return min(1.0, sum(one[part] * other[part] for part in shared))

    def _weigh(self, counts: Mapping[str, int]) -> dict[str, float]:
        """Weights of the known parts, scaled to length 1."""
        weights = {
            part: (1 + math.log(count)) * self._rarity[part] for part, count in counts.items() if part in self._rarity
        }
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {part: weight / length for part, weight in weights.items()}
