"""A person decides on a proposal: it runs with their rights and its outcome is kept, or it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keepwell.app.arguments import take_arguments
from keepwell.app.operation import Caller, Operation
from keepwell.app.plain import document, error_document
from keepwell.app.proposing.asking import FACE, foresee, require_proposable
from keepwell.app.proposing.report import ProposalReport, ProposalsReport
from keepwell.app.table import operations
from keepwell.app.wiring import find_state
from keepwell.core.errors import DamagedError, KeepwellError, RefusedError
from keepwell.core.proposal import Proposal, Stage
from keepwell.core.text import cut_text, escape_controls
from keepwell.store.proposals import bound_outcome, carry_out, change_proposal, list_proposals, load_proposal

#: Characters of a person's reason.
WHY_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class _Open:
    """One proposal that is decided on."""

    state: Path
    name: str

    def load(self) -> Proposal:
        return load_proposal(self.state, self.name, time.time())

    def move(self, stage: Stage, **changes: Any) -> Proposal:
        """To its next stage, durably. Raises RefusedError where it is past that."""

        def change(found: Proposal) -> Proposal:
            try:
                return found.moved(stage, **changes)
            except ValueError as error:
                raise past(found) from error

        return change_proposal(self.state, self.name, change, time.time())


def list_all(caller: Caller, name: str, last: int) -> ProposalsReport:
    """The newest, or one with its outcome. Raises NotThere, DamagedError."""
    state, now = find_state(caller), time.time()
    if name:
        return ProposalsReport(proposals=(load_proposal(state, name, now),), asked_for=name)
    found = list_proposals(state, now)[:last]
    return ProposalsReport(proposals=tuple(_without_outcome(one) for one in found))


async def approve(caller: Caller, name: str, mark: str) -> ProposalReport:
    """Carry it out as it was shown.

    With the `mark` of what was shown, or the yes of the person at the terminal who is shown it now. Raises RefusedError
    where it does not wait, is another than was shown, nobody agrees, or it would now do something else than it said.
    """
    desk = _Open(find_state(caller), name)
    found = desk.load()
    if found.stage != "waiting":
        raise past(found)
    if mark and mark != found.mark:
        hint = f"read it again: keepwell proposals list {name}"
        raise RefusedError(f"the mark {mark[:40]!r} is not that of what is proposed", hint=hint)
    if not mark and not caller.agree(list(show_lines(found))):
        hint = f"who has read it: keepwell proposals approve {name} --mark {found.mark}"
        raise RefusedError("nobody agreed, so nothing was done", hint=hint)
    with carry_out(desk.state, name):
        approved = desk.move("approved", decided_by=caller.asked_by, decided_at=time.time())
        operation, arguments = await _require_unchanged(caller, desk, approved)
        desk.move("running")
        done = await _carry_out(caller, desk, operation, arguments)
    return ProposalReport(proposal=done, next=_what_next(done))


def refuse(caller: Caller, name: str, why: str) -> ProposalReport:
    """It is over. Raises RefusedError where it does not wait any more."""
    desk = _Open(find_state(caller), name)
    now = time.time()
    said = cut_text(escape_controls(why), WHY_CHARACTERS)
    moved = desk.move("refused", decided_by=caller.asked_by, decided_at=now, ended_at=now, said=said)
    return ProposalReport(proposal=moved)


def show_lines(proposal: Proposal) -> tuple[str, ...]:
    """What a person reads before they agree: the command, what it would do, and who asks for it."""
    lines = [proposal.command, *proposal.shows, f"asked for by {proposal.asked_by or 'somebody'}"]
    if proposal.why:
        lines.append(f"who says (their words): {proposal.why}")
    return tuple(lines)


def past(proposal: Proposal) -> RefusedError:
    """Why nobody can decide on it any more."""
    told = {
        "approved": "was approved",
        "running": "is being carried out",
        "expired": "has expired",
        "interrupted": "was begun and broken off",
    }
    words = told.get(proposal.stage, f"is {proposal.stage}")
    return RefusedError(f"proposal {proposal.id} {words}", hint=f"keepwell proposals list {proposal.id}")


async def _require_unchanged(caller: Caller, desk: _Open, approved: Proposal) -> tuple[Operation, dict[str, Any]]:
    """What runs. Where it would do something else than was shown the proposal is over, and RefusedError is raised."""
    try:
        operation = _find(approved)
        arguments = take_arguments(operation, FACE, approved.arguments)
        seen = await foresee(caller, operation, arguments)
    except KeepwellError as error:
        desk.move("refused", ended_at=time.time(), said=str(error))
        raise
    if seen.basis != approved.basis or dict(seen.arguments) != dict(approved.arguments):
        said = "what it would do has changed since it was asked for"
        desk.move("refused", ended_at=time.time(), said=said)
        raise RefusedError(f"proposal {approved.id}: {said}", hint="let it be asked for again, and read that")
    return operation, arguments


def _find(proposal: Proposal) -> Operation:
    for one in operations("cli"):
        if one.name == proposal.operation:
            require_proposable(one)
            return one
    raise DamagedError(f"there is no operation {proposal.operation!r}", hint=f"keepwell proposals refuse {proposal.id}")


async def _carry_out(caller: Caller, desk: _Open, operation: Operation, arguments: Mapping[str, Any]) -> Proposal:
    try:
        report = await operation.function(caller, **arguments)
    except KeepwellError as error:
        outcome = error_document(error)
        return desk.move("failed", ended_at=time.time(), said=str(error), outcome=outcome)
    except asyncio.CancelledError:
        desk.move("failed", ended_at=time.time(), said="broken off by whoever carried it out")
        raise
    outcome = {"exit_code": 0}
    if report is not None:
        outcome = bound_outcome(document(report))
    return desk.move("done", ended_at=time.time(), said=_say(outcome), outcome=outcome)


def _say(outcome: Mapping[str, Any]) -> str:
    """The outcome in a sentence: what every document has."""
    words = {0: "well", 1: "with warnings", 2: "not well", 3: "could not look"}
    code = outcome.get("exit_code", 0)
    return f"ended: {words.get(code, 'not known')} (exit code {code})"


def _what_next(done: Proposal) -> tuple[str, ...]:
    runs = done.arguments.get("run") or ()
    if isinstance(runs, str):
        runs = [runs]
    return tuple(f"what it did: keepwell report {one}" for one in runs)


def _without_outcome(one: Proposal) -> Proposal:
    return replace(one, outcome={})
