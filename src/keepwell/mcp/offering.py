"""Which tools who is offered: what reads, and where changes may be asked for, the asking. Pure.

No tool changes anything: that of a change is made of an operation that keeps a proposal, and the change itself is not
within reach of this face.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from mcp_types import ToolAnnotations

from keepwell.app.operation import Caller, Operation, Parameter
from keepwell.app.proposing.asking import Wish, propose
from keepwell.app.proposing.report import ProposalReport
from keepwell.app.rights import may_read
from keepwell.app.table import operations
from keepwell.mcp.asker import Asker

#: The face whose parameters tools have; what is not for who asks from afar is not among them, either.
FACE, AFAR = "mcp", "api"
#: Characters of a tool's description: of a longer one the first sentences.
DESCRIPTION_CHARACTERS = 280
#: The parameter of a change by which the assistant says why.
REASON = "reason"
_ASKS = "ASKS A PERSON. "


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tool: its name and what is done when it is called. `asks` for one that keeps a proposal."""

    name: str
    operation: Operation
    parameters: tuple[Parameter, ...]
    asks: bool = False

    @property
    def description(self) -> str:
        """What it is for, within a few sentences."""
        return _ASKS * self.asks + shorten(self.operation.description)

    @property
    def annotations(self) -> ToolAnnotations:
        """How an assistant's program may treat it."""
        return ToolAnnotations(read_only_hint=not self.asks, destructive_hint=self.asks, open_world_hint=False)


@cache
def list_offers(*, may_propose: bool, heavy: bool) -> dict[str, Offer]:
    """The tools by name, in the order of the table."""
    found: dict[str, Offer] = {}
    for one in operations(FACE):
        if may_read(one) and (heavy or not one.heavy):
            offer = Offer(name=name_tool(one), operation=replace(one, heavy=False), parameters=_parameters(one))
            found[offer.name] = offer
    if may_propose:
        for one in operations("cli"):
            if one.effect == "change" and one.proposable:
                offer = Offer(name=name_tool(one), operation=one, parameters=_parameters(one), asks=True)
                found[offer.name] = offer
    return found


def name_tool(operation: Operation) -> str:
    """As programs write names."""
    return operation.name.replace("-", "_").replace(" ", "_")


def shorten(text: str, limit: int = DESCRIPTION_CHARACTERS) -> str:
    """The first sentences, as far as they go; at least one."""
    told = " ".join(text.split())
    if len(told) <= limit:
        return told
    end = told.rfind(". ", 0, limit)
    if end < 0:
        end = told.find(". ")
    return told[: end + 1] or told


def make_asking(operation: Operation, asker: Asker, reason: str) -> Operation:
    """What is done in the place of a change: a proposal is kept. It has the same name and parameters."""
    asking = _Asking(operation, asker, reason)
    return replace(operation, effect="read", function=asking, proposable=False, foresee=None, reads_without=())


class _Asking:
    """Looks like the function of the change, and keeps what it was asked for."""

    def __init__(self, operation: Operation, asker: Asker, reason: str) -> None:
        self.__doc__ = operation.description
        self.__signature__ = inspect.signature(operation.function)
        self._operation = operation
        self._asker = asker
        self._reason = reason

    async def __call__(self, caller: Caller, **arguments: Any) -> ProposalReport:
        """Keep it."""
        wish = Wish(operation=self._operation, arguments=arguments, asked_by=self._asker.name, why=self._reason)
        return await propose(caller, wish)


def _parameters(one: Operation) -> tuple[Parameter, ...]:
    """Those that an assistant may give: none that names files, agrees to more than looking, or makes a change of it."""
    afar = {row.name for row in one.parameters(AFAR)}
    return tuple(row for row in one.parameters(FACE) if row.name in afar and not _is_kept_back(one, row))


def _is_kept_back(one: Operation, row: Parameter) -> bool:
    return row.name in one.reads_without or (row.param.guarded and row.param.free_up_to is None)
