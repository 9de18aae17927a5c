"""Asks for a change: nothing is changed, a proposal is kept that a person approves or refuses."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keepwell.app.operation import Caller, Operation
from keepwell.app.proposing.command import fill_in, render_command
from keepwell.app.proposing.report import ProposalReport
from keepwell.app.wiring import find_state
from keepwell.core.errors import RefusedError
from keepwell.core.foresight import Foresight
from keepwell.core.proposal import Proposal
from keepwell.core.text import cut_text, escape_controls
from keepwell.store.proposals import add_proposal, make_proposal_id

#: The face whose parameters a proposal has: what needs a terminal is not among them.
FACE = "mcp"
#: Characters of what the asker says about it, and of who that is.
WHY_CHARACTERS, NAME_CHARACTERS = 500, 80
#: Lines that tell what it would do, and characters of one.
LINES, LINE_CHARACTERS = 60, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for, with arguments that `take_arguments` made; who asks, and why, in their words."""

    operation: Operation
    arguments: Mapping[str, Any]
    asked_by: str = ""
    why: str = ""


async def propose(caller: Caller, wish: Wish) -> ProposalReport:
    """Keep it; where the same waits already, that one is given.

    Raises RefusedError for what may not be proposed or where too many wait, ConfigurationError for arguments that
    cannot be shown as they are, and what the operation's own foresight raises.
    """
    require_proposable(wish.operation)
    seen = await foresee(caller, wish.operation, wish.arguments)
    now = time.time()
    made = Proposal(
        id=make_proposal_id(),
        operation=wish.operation.name,
        arguments=seen.arguments,
        command=render_command(wish.operation, FACE, seen.arguments),
        shows=seen.lines,
        basis=seen.basis,
        why=_say(wish.why, WHY_CHARACTERS),
        asked_by=_say(wish.asked_by, NAME_CHARACTERS),
        asked_at=now,
    )
    kept = add_proposal(find_state(caller), made, now)
    return ProposalReport(
        proposal=kept,
        next=(
            "Nothing was changed: a person decides. Tell them what it would do and this command.",
            f"approve: keepwell proposals approve {kept.id}",
            f"refuse: keepwell proposals refuse {kept.id}",
            f"the outcome: keepwell proposals list {kept.id}",
        ),
    )


def require_proposable(operation: Operation) -> None:
    """Raises RefusedError for what nobody may ask for in this way."""
    if operation.effect != "change" or not operation.proposable:
        raise RefusedError(f"{operation.name} cannot be proposed", hint=f"a person types: keepwell {operation.name}")


async def foresee(caller: Caller, operation: Operation, arguments: Mapping[str, Any]) -> Foresight:
    """What it would do: as the operation itself can tell, else as its description says."""
    whole = fill_in(operation, FACE, arguments)
    if operation.foresee is None:
        return Foresight(arguments=whole, lines=tuple(_describe(operation)))
    seen = await operation.foresee(caller, whole)
    lines = [_say(one, LINE_CHARACTERS) for one in seen.lines[:LINES]]
    if len(seen.lines) > LINES:
        lines.append(f"and {len(seen.lines) - LINES} lines more")
    return Foresight(arguments=dict(seen.arguments), lines=tuple(lines), basis=seen.basis)


def _describe(operation: Operation) -> list[str]:
    told = inspect.cleandoc(operation.description).split("\n\n")
    return [" ".join(one.split()) for one in told if one.strip()]


def _say(text: str, limit: int) -> str:
    return cut_text(escape_controls(text), limit)
