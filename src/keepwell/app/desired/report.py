"""What `drift` and `baseline` give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.app.unreached import Unreached
from keepwell.conform.desired.portrait import Difference
from keepwell.conform.desired.sources import Revision
from keepwell.core.ref import Ref

#: How a wish stands: as wished; changes wait; it differs and keepwell may not change it itself; the owner decided that
#: it stays so; it cannot be told.
State: TypeAlias = Literal["same", "differs", "problem", "decided", "untold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One change that would be made: what, before, after; its undo or why there is none; what stops meanwhile."""

    what: str
    before: str
    after: str
    undo: str
    interrupts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WishState:
    """What one wish comes to: `label` says which it is, `subject` what it is about (None where that cannot be told).

    `why` is the problem, the owner's decision, or why it cannot be told. `kept` differs and is left as it is.
    """

    table: str
    label: str
    group: str
    state: State
    subject: Ref | None = None
    before: str = ""
    after: str = ""
    why: str = ""
    engine: Ref | None = None
    changes: tuple[Planned, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDrift:
    """All wishes of one node, in their order, and how long looking took."""

    node: str
    wishes: tuple[WishState, ...]
    seconds: float

    @property
    def differs(self) -> bool:
        """Whether anything is known to be otherwise than wished."""
        return any(one.state in ("differs", "problem") for one in self.wishes)

    @property
    def untold(self) -> bool:
        """Whether something could not be told."""
        return any(one.state == "untold" for one in self.wishes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Two portraits that were compared: of two nodes, or of one at two times (`before_at` 0: now)."""

    before: str
    after: str
    compared: int
    differences: tuple[Difference, ...]
    before_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """The answer of `drift`: the nodes against what is wished, or `between` two nodes or times."""

    at: float
    seconds: float
    nodes: tuple[NodeDrift, ...] = ()
    unreached: tuple[Unreached, ...] = ()
    revisions: tuple[Revision, ...] = ()
    between: tuple[Between, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.drift/1"

    @property
    def exit_code(self) -> int:
        """0 as wished, 1 something differs, 3 something could not be looked at."""
        if self.unreached or any(one.untold for one in self.nodes):
            return COULD_NOT_LOOK
        return int(any(one.differs for one in self.nodes) or any(one.differences for one in self.between))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What a baseline does not say: which table, which key ("" for all of it), and why."""

    label: str
    key: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineReport:
    """The answer of `baseline`: lines for keepwell.toml that describe the node as it is."""

    node: str
    text: str
    tables: int
    left_out: tuple[LeftOut, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.baseline/1"

    @property
    def exit_code(self) -> int:
        """0, or 3 where nothing could be told."""
        return COULD_NOT_LOOK * (not self.tables)
