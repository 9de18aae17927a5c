"""Keeps requests with the same beginning at one replica: its prompt cache has it already.

Rendezvous hashing with bounded load (Mirrokni, Thorup and Zadimoghaddam, 2016): the replica that the beginning belongs
to takes it, unless it would have more than `BOUND` times its share of all work; then the next one does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from keepwell.plugins.rendezvous import choose_owner
from keepwell.plugins.routing import Ask, Candidate, Policy

#: How much more than its share of all work a replica may have; the paper's example.
BOUND = 1.25


def keep_together(found: Sequence[Candidate], ask: Ask, models: Mapping[str, str]) -> Sequence[Candidate]:
    """The replica that requests with this beginning belong to; all where the request has none."""
    if not ask.affinity:
        return found
    all_work = BOUND * (sum(one.outstanding for one in found) + 1)
    slots = [one.replica.limit for one in found]
    if 0 in slots:
        slots = [1] * len(found)
    share = all_work / sum(slots)
    # never empty: where each had its bound already, together they would have more than all there is
    allowed = [one for one, slot in zip(found, slots, strict=True) if one.outstanding + 1 <= math.ceil(share * slot)]
    return [choose_owner(allowed, ask.affinity)]


POLICY: Policy = keep_together
