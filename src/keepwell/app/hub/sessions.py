"""Browsers that signed in: a cookie that says whose key it was and until when, with a proof that we made it. Nothing is
kept: a key that is revoked or changed ends its sessions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

#: The cookie's name, and seconds that it is good for.
COOKIE, SECONDS = "keepwell_session", 12 * 3600.0
#: Bytes of a cookie that is looked at.
COOKIE_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Whose key ("" for the owner of the state folder), and until when (seconds since the epoch)."""

    name: str
    until: float


def render_session(session: Session, digest: str, secret: str) -> str:
    """The cookie; `digest` is that of the key."""
    told = f"{session.until:.0f} {session.name}".encode()
    return base64.urlsafe_b64encode(told).decode() + "." + _prove(told, digest, secret)


def read_session(cookie: str) -> Session | None:
    """What a cookie says, not yet believed; None where it says nothing."""
    told, _, _ = cookie[:COOKIE_BYTES].partition(".")
    try:
        until, _, name = base64.urlsafe_b64decode(told.encode()).decode().partition(" ")
        return Session(name=name, until=float(until))
    except (binascii.Error, ValueError):
        return None


def is_proved(cookie: str, digest: str, secret: str) -> bool:
    """True if we made this cookie, for a key with this digest."""
    told, _, proof = cookie[:COOKIE_BYTES].partition(".")
    try:
        return hmac.compare_digest(
            proof.encode(), _prove(base64.urlsafe_b64decode(told.encode()), digest, secret).encode()
        )
    except (binascii.Error, ValueError):
        return False


def _prove(told: bytes, digest: str, secret: str) -> str:
    return hmac.new(secret.encode(), told + b"\n" + digest.encode(), hashlib.sha256).hexdigest()
