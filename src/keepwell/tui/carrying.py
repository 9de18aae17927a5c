"""Operations carried out for the terminal, in a thread: what they would do, how far they are, what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from keepwell.app.arguments import take_arguments
from keepwell.app.hub.bus import Bus
from keepwell.app.hub.visitor import Visitor
from keepwell.app.hub.work import Piece, Work
from keepwell.app.operation import Caller, Operation
from keepwell.app.table import operations
from keepwell.app.wiring import find_state
from keepwell.core.errors import KeepwellError
from keepwell.transport.clock import SystemClock
from keepwell.tui.actions import Action

#: Seconds between two looks at how far it is.
LOOK_SECONDS = 0.2
#: Who does it: whoever may read the state folder owns it.
OWNER = Visitor(may_change=True, known_by="owner")
FACE = "cli"
#: Lines of an answer that are shown.
LINES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown before a yes, and is run after it. `problem` says why it cannot be done, "" if it can."""

    title: str
    operation: str
    command: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    problem: str = ""


class Carrier:
    """For one dialog."""

    def __init__(self, caller: Caller) -> None:
        self._caller = replace(caller, asked_by="top")
        self._work = Work(state=find_state(caller), config=caller.config, bus=Bus(), clock=SystemClock())

    async def foresee(self, action: Action) -> Shown:
        """Look at what it would do; changes nothing."""
        shown = Shown(
            title=action.title, operation=action.operation, command=action.command, arguments=action.arguments
        )
        try:
            if action.plans:
                return await self._plan(action, shown)
            operation = find_operation(action.operation)
            whole = {**_defaults(operation), **take_arguments(operation, FACE, action.arguments)}
            if operation.foresee is not None:
                seen = await operation.foresee(self._caller, whole)
                return replace(shown, arguments=seen.arguments, lines=seen.lines)
            return replace(shown, arguments=whole, lines=(" ".join(operation.description.split()),))
        except KeepwellError as error:
            return replace(shown, problem=str(error))

    async def _plan(self, action: Action, shown: Shown) -> Shown:
        """Plans of a node, and what carrying them out would do."""
        operation = find_operation("plan")
        piece = self._work.begin(operation, take_arguments(operation, FACE, {"what": action.plans}), OWNER, face="top")
        await piece.over.wait()
        found = piece.document
        if piece.stage != "done":
            return replace(shown, problem=str(found.get("error", piece.stage)))
        runs = [str(one["id"]) for one in found.get("planned", ())]
        if not runs:
            told = tuple(str(one["message"]) for one in found.get("findings", ()))
            return replace(shown, lines=told, problem="keepwell has no repair for what it sees there")
        apply = find_operation("apply")
        whole = {**_defaults(apply), "run": runs}
        command = f"keepwell apply {' '.join(runs)}"
        if apply.foresee is None:
            return replace(shown, arguments=whole, command=command)
        seen = await apply.foresee(self._caller, whole)
        return replace(shown, arguments=seen.arguments, lines=seen.lines, command=command)

    async def carry_out(self, shown: Shown) -> AsyncIterator[tuple[Sequence[str], str]]:
        """Do it: lines so far, and how it ended ("" until then)."""
        try:
            piece = self._work.begin(find_operation(shown.operation), shown.arguments, OWNER, face="top")
        except KeepwellError as error:
            yield (str(error),), "not done"
            return
        while not piece.over.is_set():
            yield describe(piece), ""
            await asyncio.wait((asyncio.ensure_future(piece.over.wait()),), timeout=LOOK_SECONDS)
        yield describe(piece), end_of(piece)

    async def close(self) -> None:
        """Stop what runs."""
        await self._work.close()


def find_operation(name: str) -> Operation:
    """The operation of this name; all of ours are on the command line."""
    return next(one for one in operations(FACE) if one.name == name)


def _defaults(operation: Operation) -> dict[str, Any]:
    return {one.name: one.default for one in operation.parameters(FACE) if not one.required}


def end_of(piece: Piece) -> str:
    """How it ended, in words."""
    if piece.stage != "done":
        return {"failed": "it failed", "stopped": "it was stopped"}.get(piece.stage, piece.stage)
    code = piece.document.get("exit_code", 0)
    return {0: "done, and well", 1: "done, with warnings", 2: "done, and not well"}.get(code, "done")


def describe(piece: Piece) -> tuple[str, ...]:
    """What it said, how far it is, and at the end its answer in short."""
    lines = list(piece.lines)
    if piece.text and not piece.over.is_set():
        lines.append(f"{piece.text}  {piece.done}/{piece.total}")
    if piece.over.is_set():
        lines += _flatten(piece.document)
    return tuple(lines[-LINES:])


def _flatten(told: Mapping[str, Any], depth: int = 0) -> list[str]:
    """An answer as lines: texts and numbers by name, one level of what lies in it."""
    lines: list[str] = []
    for name, value in told.items():
        if name in ("schema", "exit_code") or value in ("", [], {}, None):
            continue
        label = f"{'  ' * depth}{name.replace('_', ' ')}"
        if isinstance(value, str | int | float):
            lines.append(f"{label}: {value}")
        elif isinstance(value, Mapping) and depth < 2:
            inner = _flatten(value, depth + 1)
            lines += [f"{label}:"] * bool(inner) + inner
        elif isinstance(value, list) and depth < 1:
            rows = [one for one in value if isinstance(one, Mapping)]
            lines += [f"{label}: {one}" for one in value if isinstance(one, str)]
            lines += [f"{label}: {one.get('message') or one.get('what') or one.get('name', '')}" for one in rows]
    return lines
