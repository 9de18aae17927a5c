"""Hands that can put back what was there, or ask an interface, for those changes that need them."""

from __future__ import annotations

from keepwell.core.errors import RefusedError
from keepwell.transport.base import CallsApi, ExactHands, Transport


def get_api(hands: Transport) -> CallsApi:
    """The same hands, which ask the interface over which a node is managed; RefusedError where they do not."""
    if not isinstance(hands, CallsApi):
        raise RefusedError("this connection does not reach the interface over which it is managed", where=hands.name)
    return hands


def get_exact(hands: Transport) -> ExactHands:
    """The same hands, which can put things back as they were; RefusedError where they cannot."""
    if not isinstance(hands, ExactHands):
        raise RefusedError("this connection cannot put things back as they were", where=hands.name)
    return hands
