"""Which nodes and engines get no new work, by whose word: a small file in the state folder.

A command writes it and the data plane reads it again when it changes. It outlives both: an engine that was drained
before a restart of the gateway is still drained after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.core.errors import DamagedError
from keepwell.plugins.routing import Replica
from keepwell.store.folder import read_private, replace_private

#: Where it lies in the state folder.
CORDONS_FILE = "gateway/cordons.json"
#: Bytes of the file: one entry a node or engine takes some hundred.
CORDONS_BYTES = 1024 * 1024
#: How `by` begins of a cordon that a run set, before its id.
RUN = "run "


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon:
    """No new work for `subject`, a node's name or a replica's id; since when (seconds since the epoch), who, why."""

    subject: str
    since: float
    by: str = ""
    why: str = ""

    def covers(self, replica: Replica) -> bool:
        """True for this replica, and for all of this node."""
        return self.subject in (replica.id, replica.node)


def find_reason(cordons: Iterable[Cordon], replica: Replica) -> str:
    """Why this replica gets no new work, "" if nothing was said; the word for the replica itself counts first."""
    found = [one for one in cordons if one.covers(replica)]
    for one in sorted(found, key=_is_wide):
        said = one.why or "drained"
        return f"{said} (by {one.by or 'somebody'})"
    return ""


def load_cordons(state: Path) -> tuple[Cordon, ...]:
    """All of them; () if there are none. Raises DamagedError."""
    path = state / CORDONS_FILE
    try:
        return msgspec.json.decode(read_private(path, CORDONS_BYTES), type=tuple[Cordon, ...])
    except FileNotFoundError:
        return ()
    except ValueError as error:  # also what msgspec raises
        raise DamagedError(f"this is no list of cordons that can be used: {error}", where=str(path)) from error


def save_cordons(state: Path, cordons: Iterable[Cordon]) -> None:
    """Write them whole. Raises AccessError."""
    replace_private(state / CORDONS_FILE, msgspec.json.encode(tuple(cordons)))


def add_cordon(state: Path, cordon: Cordon) -> bool:
    """One more; False if this subject has one already, which stays, but that of a run gives way to a person's.

    Raises DamagedError, AccessError.
    """
    known = load_cordons(state)
    same = [one for one in known if one.subject == cordon.subject]
    if same and (cordon.by.startswith(RUN) or not same[0].by.startswith(RUN)):
        return False
    save_cordons(state, (*(one for one in known if one not in same), cordon))
    return True


def remove_cordon(state: Path, subject: str) -> bool:
    """Take it away; False if there is none. Raises DamagedError, AccessError."""
    known = load_cordons(state)
    left = tuple(one for one in known if one.subject != subject)
    if len(left) < len(known):
        save_cordons(state, left)
    return len(left) < len(known)


def _is_wide(cordon: Cordon) -> bool:
    return "/" not in cordon.subject
