"""The operations that a model may use: those that are declared for it and only read, with the parameters declared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, get_args

from keepwell.app.operation import Caller, Operation, Parameter, never, silent, untold
from keepwell.app.plain import document
from keepwell.app.rights import check_visit
from keepwell.app.table import operations
from keepwell.ask.actions import Look
from keepwell.ask.evidence import Piece
from keepwell.ask.records import find_words, list_records
from keepwell.ask.tools import ParamForm, ToolForm, ValueKind
from keepwell.core.errors import KeepwellError, RefusedError

#: Whose tools those are: what assistants are offered is the most that a model can be offered.
FACE = "mcp"
#: By whom an operation is asked for, in journals and records.
ASKED_BY = "ask"
#: Seconds for one look: an operation that reads answers within a few.
LOOK_SECONDS = 30.0
_KINDS: dict[object, ValueKind] = {str: "text", int: "whole", bool: "flag"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a look told, or why it told nothing; `seconds` it took."""

    pieces: tuple[Piece, ...] = ()
    problem: str = ""
    seconds: float = 0.0


def list_usable() -> tuple[Operation, ...]:
    """Every operation that a model may ever call. Read-only is a filter here, not a promise."""
    return tuple(one for one in operations(FACE) if may_call(one))


def may_call(operation: Operation) -> bool:
    """Whether a model may call it: declared for models, it only reads, and lets no engine, disk or network work."""
    return operation.for_models is not None and operation.effect == "read" and not operation.heavy


def make_forms(usable: Iterable[Operation]) -> tuple[ToolForm, ...]:
    """The same as the conversation knows them. A parameter of a type that a model cannot give is not offered."""
    return tuple(_make_form(one) for one in usable)


async def run_look(caller: Caller, look: Look, question: str) -> Told:
    """Run one. Whatever was asked for, nothing but a usable operation with declared parameters can run, with a caller
    that agrees to nothing and has the rights of a stranger. Raises RefusedError where somebody asks for more.
    """
    operation = find_operation(look)
    quiet = replace(caller, asked_by=ASKED_BY, agree=never, progress=silent, tell=untold, note=untold)
    began = time.monotonic()
    try:
        check_visit(operation, look.arguments, may_change=False, nodes=())
        async with asyncio.timeout(max(0.001, min(LOOK_SECONDS, look.seconds))):
            report = await operation.function(quiet, **look.arguments)
    except TimeoutError:
        return Told(problem="no answer in time", seconds=time.monotonic() - began)
    except KeepwellError as error:
        return Told(problem=error.what, seconds=time.monotonic() - began)
    records = list_records(document(report), find_words(question))
    pieces = tuple(Piece(kind="record", source=_command(look), text=one) for one in records)
    return Told(pieces=pieces, seconds=time.monotonic() - began)


def find_operation(look: Look) -> Operation:
    """The operation of a look. Raises RefusedError for one that a model may not call, or not with these parameters."""
    for one in list_usable():
        if tool_name(one) == look.tool and one.for_models is not None and set(look.arguments) <= set(_takes(one)):
            return one
    raise RefusedError("a model asked for what it may not use", where=look.tool)


def tool_name(operation: Operation) -> str:
    """Its name as a tool: one word."""
    return operation.name.replace("-", "_").replace(" ", "_")


def _takes(operation: Operation) -> tuple[str, ...]:
    if operation.for_models is None:
        return ()
    return operation.for_models.takes


def _make_form(operation: Operation) -> ToolForm:
    assert operation.for_models is not None
    offered = [one for one in operation.parameters(FACE) if one.name in operation.for_models.takes]
    params = [made for made in map(_make_param, offered) if made is not None]
    return ToolForm(
        name=tool_name(operation), what=operation.summary, words=operation.for_models.words, params=tuple(params)
    )


def _make_param(one: Parameter) -> ParamForm | None:
    kind = _KINDS.get(_plain_type(one.type))
    if kind is None:
        return None
    return ParamForm(
        name=one.name,
        kind=kind,
        what=one.param.help,
        required=one.required,
        minimum=one.param.minimum,
        maximum=one.param.maximum,
    )


def _plain_type(found: Any) -> object:
    if isinstance(found, UnionType):
        (found,) = (part for part in get_args(found) if part is not type(None))
    return found


def _command(look: Look) -> str:
    """How a person would look the same: the tool, and what it was given."""
    return " ".join([look.tool, *(f"{name}={value}" for name, value in look.key)])
