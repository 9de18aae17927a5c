"""Keeps a session, or requests with the same beginning, at one replica: its prompt cache has them already.

Rendezvous hashing (Thaler and Ravishankar, 1998) with bounded load (Mirrokni, Thorup and Zadimoghaddam, 2016): the
replica with the highest hash of request and name takes it, unless it has more than `BOUND` times the mean of work;
then the next one does. When a replica comes or goes only what it had moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from keepwell.plugins.routing import Ask, Candidate, Policy

#: How much more than the mean of all a replica may have outstanding; the paper's example.
BOUND = 1.25


def keep_together(found: Sequence[Candidate], ask: Ask, models: Mapping[str, str]) -> Sequence[Candidate]:
    """The replica that requests of this affinity belong to; all where the request has none."""
    if not ask.affinity:
        return found
    mean = (sum(one.outstanding for one in found) + 1) / len(found)
    allowed = [one for one in found if one.outstanding + 1 <= BOUND * mean + 1] or found
    return [max(allowed, key=_Draw(ask.affinity))]


class _Draw:
    """The hash of one affinity with a replica's name."""

    def __init__(self, affinity: bytes) -> None:
        self._affinity = affinity

    def __call__(self, one: Candidate) -> bytes:
        return blake2b(one.replica.id.encode(), key=self._affinity[:64], digest_size=8).digest()


POLICY: Policy = keep_together
