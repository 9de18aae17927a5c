"""What the operations about proposals give back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.proposal import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalReport:
    """One proposal after something was done with it; `next` are the next things to do, a line each."""

    proposal: Proposal
    next: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.proposal/1"

    @property
    def exit_code(self) -> int:
        """That of the operation where it ran, 2 where it was broken off, else 0."""
        if self.proposal.stage == "interrupted":
            return 2
        code = self.proposal.outcome.get("exit_code", 0)
        return int(code) * isinstance(code, int)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalsReport:
    """The answer of `proposals list`: the newest first; `asked_for` is the one that was asked for, "" for all.

    Without one outcomes are left out.
    """

    proposals: tuple[Proposal, ...]
    asked_for: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.proposals/1"

    @property
    def exit_code(self) -> int:
        """1 while any waits for a person."""
        return int(any(one.stage == "waiting" for one in self.proposals))
