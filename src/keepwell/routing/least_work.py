"""Prefers the replica with the least work outstanding for what it can do at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepwell.plugins.routing import Ask, Candidate, Policy


def prefer_least_work(found: Sequence[Candidate], ask: Ask, models: Mapping[str, str]) -> Sequence[Candidate]:
    """By requests outstanding for each slot; equal ones take turns by the request's number."""
    least = min(_load(one) for one in found)
    free = [one for one in found if _load(one) == least]
    return [free[ask.id % len(free)]]


def _load(one: Candidate) -> float:
    return one.outstanding / (one.replica.limit or 1)


POLICY: Policy = prefer_least_work
