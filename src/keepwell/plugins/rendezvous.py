"""Which replica something belongs to: rendezvous hashing (Thaler and Ravishankar, 1998), weighted.

Each replica draws a number for what is to be placed, and the highest draw has it. When a replica comes or goes, only
what that one has moves; of the rest nothing does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from hashlib import blake2b

from keepwell.plugins.routing import Candidate, Replica

#: Bytes of what is placed that count.
KEY_BYTES = 64
_RANGE = float(2**64)


def choose_owner(found: Iterable[Candidate], belongs: bytes) -> Candidate:
    """The candidate that draws highest for it; some three microseconds for each."""
    return max(found, key=_Draw(belongs))


class _Draw:
    """The draw of each replica for one thing."""

    def __init__(self, belongs: bytes) -> None:
        self._key = belongs[:KEY_BYTES]

    def __call__(self, one: Candidate) -> tuple[float, str]:
        return _draw(self._key, one.replica), one.replica.id


def _draw(key: bytes, replica: Replica) -> float:
    """By -weight / ln(u) with u uniform in (0, 1), a replica of twice the weight wins twice as often."""
    digest = blake2b(replica.id.encode(), key=key, digest_size=8).digest()
    return -replica.weight / math.log((int.from_bytes(digest, "big") + 0.5) / _RANGE)
