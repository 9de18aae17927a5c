"""A code that signs its holder in as the owner, once and within minutes: `keepwell web` makes it of the door's secret,
the hub knows it again. Pure but for what was used.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

#: Seconds that a code is good for, random bytes in it, and characters of its proof: 160 bits.
SECONDS, RANDOM_BYTES, PROOF = 300.0, 9, 40


def make_code(secret: str, now: float) -> str:
    """A new one; `now` is in seconds since the epoch."""
    told = f"{int(now + SECONDS)}-{secrets.token_hex(RANDOM_BYTES)}"
    return f"{told}-{_prove(told, secret)}"


class Codes:
    """Knows codes again. What was used is remembered until it would not be good any more."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def redeem(self, code: str, secret: str, now: float) -> bool:
        """True for a code that we made, the first time, in its time."""
        told, _, proof = code.strip().rpartition("-")
        until = told.partition("-")[0]
        proved = hmac.compare_digest(proof.encode("utf-8", "replace"), _prove(told, secret).encode())
        if not proved or float(until) < now:
            return False
        self._used = {one: when for one, when in self._used.items() if when >= now}
        if told in self._used:
            return False
        self._used[told] = float(until)
        return True


def _prove(told: str, secret: str) -> str:
    return hmac.new(secret.encode(), b"sign-in " + told.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:PROOF]
