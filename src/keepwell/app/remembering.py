"""Keeps how a node stood at a look, so that the next look can tell what changed."""

from __future__ import annotations

import contextlib
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.core.event import Event
from keepwell.core.observation import Seen
from keepwell.core.ref import Ref
from keepwell.store.engine_events import load_events
from keepwell.store.sights import keep_sight, load_sights, save_sights
from keepwell.timeline.sight import compare, take_sight

#: A look that shows no change is kept only if the last one is older: a live screen looks every two seconds.
QUIET_SECONDS = 60.0


def keep_look(state: Path, seen: Seen, node: Ref, now: float) -> tuple[Event, ...]:
    """Compare with the last look, keep this one, and give what changed between the two.

    A state folder that cannot be written costs the memory, never the look.
    """
    sights = load_sights(state, node.name)
    sight = take_sight(seen, node, now)
    changes: tuple[Event, ...] = ()
    if sights.last is not None:
        changes = compare(sights.last, sight)
        new_scopes = sight.scopes.keys() - sights.last.scopes.keys()
        if not changes and not new_scopes and 0 <= now - sights.last.at < QUIET_SECONDS:
            return ()
    with contextlib.suppress(AccessError):
        save_sights(state, node.name, keep_sight(sights, sight, changes))
    return changes


def recall_changes(state: Path, node: Ref) -> tuple[Event, ...]:
    """The changes that earlier looks saw on this node, and what its engines told of themselves meanwhile."""
    return *load_sights(state, node.name).changes, *load_events(state, node.name)
