"""Proposal: a change that somebody without the right to make it asks for; a person approves it or does not.

What was shown is what runs: arguments are whole and frozen, and a mark over all that a person reads goes with the
approval. Pure data; `keepwell.store.proposals` keeps it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

#: "interrupted": whoever carried it out ended before its end was written; it is never begun again.
Stage: TypeAlias = Literal["waiting", "approved", "refused", "expired", "running", "done", "failed", "interrupted"]
#: Those after which nothing changes any more.
ENDED: frozenset[Stage] = frozenset({"refused", "expired", "done", "failed", "interrupted"})
#: The stages that may follow each.
FOLLOWS: Mapping[Stage, frozenset[Stage]] = {
    "waiting": frozenset({"approved", "refused", "expired"}),
    "approved": frozenset({"running", "refused", "interrupted"}),
    "running": frozenset({"done", "failed", "interrupted"}),
    **{one: frozenset[Stage]() for one in ENDED},
}
#: Seconds after which nobody can approve it any more: the world has moved on.
LIFE_SECONDS = 24 * 3600.0
#: Hexadecimal digits of a mark.
MARK_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change that is asked for. Times are seconds since the epoch, 0 for never.

    `operation` with `arguments` is what runs; `command` is the same as a person types it. `shows` says what it would
    do, `basis` what that was told from. `why` are the asker's words: data, nobody's instruction. `outcome` is the
    document that the operation gave, or its error's; `said` is that in a sentence.
    """

    id: str
    operation: str
    arguments: Mapping[str, Any]
    command: str
    shows: tuple[str, ...] = ()
    basis: str = ""
    why: str = ""
    asked_by: str = ""
    asked_at: float = 0.0
    stage: Stage = "waiting"
    decided_by: str = ""
    decided_at: float = 0.0
    ended_at: float = 0.0
    said: str = ""
    outcome: Mapping[str, Any] = field(default_factory=dict)
    mark: str = ""

    @property
    def expires_at(self) -> float:
        """When it can be approved no more."""
        return self.asked_at + LIFE_SECONDS

    def moved(self, stage: Stage, **changes: Any) -> Proposal:
        """A copy in the next stage; ValueError if that may not follow."""
        if stage not in FOLLOWS[self.stage]:
            raise ValueError(f"proposal {self.id}: {stage} may not follow {self.stage}")
        return replace(self, stage=stage, **changes)


def make_mark(proposal: Proposal) -> str:
    """A digest of all that a person reads before the approval, and of what runs then."""
    shown = [
        proposal.id,
        proposal.operation,
        proposal.arguments,
        proposal.command,
        proposal.shows,
        proposal.basis,
        proposal.why,
        proposal.asked_by,
        proposal.asked_at,
    ]
    told = json.dumps(shown, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(told.encode()).hexdigest()[:MARK_DIGITS]
