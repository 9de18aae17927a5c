"""What keeps requests at one replica: a session, or how their prompts begin; and the place that a route gives them."""

from __future__ import annotations

from hashlib import blake2b

from msgspec import structs

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.wire.body import Peek
from keepwell.plugins.routing import Ask

#: How much of a prompt's beginning makes requests belong together. Prompt caches work from the beginning.
PREFIX_BYTES = 1024
#: Bytes of what a session is called.
SESSION_BYTES = 64
#: Rules that want to know what a request belongs to.
SESSION, AFFINITY = "session", "affinity"


def is_sticky(route: Route) -> bool:
    """True where requests of this route need more than their key says."""
    return route.priority >= 0 or SESSION in route.policy or AFFINITY in route.policy


def stick(ask: Ask, route: Route, look: Peek, session: bytes) -> Ask:
    """The request with what keeps it at one replica, and the route's priority; `session` is what its head names."""
    priority = ask.priority
    if route.priority >= 0:
        priority = route.priority
    affinity = b""
    if AFFINITY in route.policy:
        affinity = find_affinity(look)
    if SESSION not in route.policy:
        session = b""
    elif not session:
        session = bytes(look.user) or look.prompt_cache_key.encode()
    return structs.replace(ask, priority=priority, affinity=affinity, session=_short(session))


def find_affinity(look: Peek) -> bytes:
    """What requests have in common that should meet the same prompt cache; b"" for nothing."""
    if look.prompt_cache_key:
        return _short(look.prompt_cache_key.encode())
    start = bytes(look.messages or look.prompt)[:PREFIX_BYTES]
    if not start:
        return b""
    return blake2b(start, digest_size=16).digest()


def _short(name: bytes) -> bytes:
    """The name itself, or of a long one its digest: what counts must not be cut off."""
    if len(name) <= SESSION_BYTES:
        return name
    return blake2b(name, digest_size=16).digest()
