"""Spreads requests by the replicas' weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from keepwell.plugins.routing import Ask, Candidate, Policy


def choose_weighted(found: Sequence[Candidate], ask: Ask, models: Mapping[str, str]) -> Sequence[Candidate]:
    """One replica, drawn by weight from the request's number: the same number gives the same replica."""
    total = sum(one.replica.weight for one in found)
    drawn = int.from_bytes(blake2b(ask.id.to_bytes(16, "big"), digest_size=8).digest(), "big") / 2**64 * total
    for one in found:
        drawn -= one.replica.weight
        if drawn < 0:
            return [one]
    return found[-1:]


POLICY: Policy = choose_weighted
