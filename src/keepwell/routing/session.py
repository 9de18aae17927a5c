"""Keeps a session at one replica for as long as that can take it, whatever the others have to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepwell.plugins.rendezvous import choose_owner
from keepwell.plugins.routing import Ask, Candidate, Policy


def keep_session(found: Sequence[Candidate], ask: Ask, models: Mapping[str, str]) -> Sequence[Candidate]:
    """The replica that this session belongs to; all where the request names none."""
    if not ask.session:
        return found
    return [choose_owner(found, ask.session)]


POLICY: Policy = keep_session
