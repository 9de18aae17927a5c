"""Joins several orders of nearness into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def fuse(scores: Sequence[Mapping[int, float]], shares: Sequence[float]) -> dict[int, float]:
    """One score for each number: the weighted mean of its scores (0..1; 0 where a list lacks it); shares sum to 1."""
    fused: dict[int, float] = {}
    for found, share in zip(scores, shares, strict=True):
        for number, score in found.items():
            fused[number] = fused.get(number, 0.0) + share * score
    return fused
