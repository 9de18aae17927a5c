"""Prefers replicas that have the model in memory, then those that worked with it last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepwell.plugins.routing import Ask, Candidate, Policy


def prefer_resident(found: Sequence[Candidate], ask: Ask, models: Mapping[str, str]) -> Sequence[Candidate]:
    """Those with the model in memory; all where it is in none."""
    there = [one for one in found if models[one.replica.id] in one.resident]
    return there or [one for one in found if one.last_model == models[one.replica.id]] or found


POLICY: Policy = prefer_resident
