"""The contract of a fault: a file in `faults/` that ends in `FAULTS: tuple[Fault, ...]`.

A fault is injected into a world: a machine that exists for one trial only and in which nothing else is wrong. The gym
opens the world, injects, lets keepwell look, has its fix carried out, looks again, and has it undone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from keepwell.core.clock import Clock
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.observation import Seen
from keepwell.transport.base import Hands

#: How a world is made: in memory, its answers changed by the fault, or of real engine processes.
Kind: TypeAlias = Literal["made", "real"]
#: How a fault is mended: by a repair step (plan, apply, undo), by the printed commands carried out to the letter, or
#: by something that only hands can do (a cable), which the fault's own `by_hand` plays.
Way: TypeAlias = Literal["step", "commands", "hand"]
#: A part of the diagnosis that can be switched off, to see what it is good for.
Part: TypeAlias = Literal["refuters", "next-probe", "timeline"]


class CannotMend(Exception):
    """The fix could not be carried out; the text says which part of it and why. Counts as a way not gone."""


class CannotOpen(Exception):
    """This machine cannot make such a world; the text says what is missing. The fault is skipped, and told so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A cause as the diagnosis names it."""

    issue: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One look at a world, as far as the gym needs it.

    `causes` is the ranking, `also` are independent second faults. `bad` are ids of checks with a bad finding, `well`
    of those that came out OK everywhere. `seconds` is wall time of survey and diagnosis. `answer` is what the world
    itself wants to remember for `mend`: its report.
    """

    causes: tuple[Named, ...]
    also: tuple[Named, ...] = ()
    unknown: float = 0.0
    bad: frozenset[str] = frozenset()
    well: frozenset[str] = frozenset()
    exit_code: int = 0
    seconds: float = 0.0
    answer: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look at a made node gave: everything seen, and the diagnosis of it."""

    seen: Seen
    diagnosis: Diagnosis


class World(Protocol):
    """A machine for one trial, healthy when it is opened. A fault may ask for more than this (a made node's files)."""

    async def look(self) -> Verdict:
        """Survey and diagnosis at level 2, as `keepwell diagnose` makes them."""
        ...

    async def mend(self, verdict: Verdict, way: Way, blanks: Mapping[str, str]) -> None:
        """Carry out the fix of the verdict's first cause: its repair step's plan, or its printed commands.

        `blanks` are what only the owner can fill in, by name. Raises CannotMend.
        """
        ...

    async def undo(self) -> None:
        """Take back what `mend` did by a step. Raises CannotMend."""
        ...


WorldType = TypeVar("WorldType", bound=World)
WorldOut = TypeVar("WorldOut", bound=World, covariant=True)


class Look(Protocol):
    """Survey and diagnosis of a node that is only a transport, given by the operation."""

    async def __call__(self, hands: Hands, clock: Clock, expected: tuple[object, ...], tools: Tools) -> Verdict: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a world may use.

    `folder` is an empty folder of this trial, removed after it; `cache` one that all trials share (compiled
    signatures). `seed` is the trial's own. `without` are the parts of the diagnosis that are switched off. `keepwell`
    is the command line that runs this keepwell as a process (real worlds); `look` does the same in this process for
    a node that is only a transport (made worlds).
    """

    folder: Path
    cache: Path
    seed: int
    keepwell: tuple[str, ...]
    look: Look
    without: frozenset[Part] = frozenset()


@runtime_checkable
class Collects(Protocol):
    """A world of which a bundle can be made, so that the probes of its verdict are counted from outside."""

    async def collect(self, path: Path) -> None:
        """Write the bundle of a survey at level 2. Raises CannotMend with the words of what refused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldMaker(Generic[WorldOut]):
    """How to make one sort of world. Two faults may meet in a pair when they share one (by name).

    `open` gives it healthy and serving, and takes it away whatever happens (also when cancelled). Raises CannotOpen
    where this machine cannot: no root, no engine.
    """

    name: str
    kind: Kind
    say: str
    open: Callable[[Tools], AbstractAsyncContextManager[WorldOut]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Generic[WorldType]):
    """One thing that goes wrong.

    `say` is a sentence. `worlds` are those that it can happen in; a trial draws one. `causes` are issue ids, any of
    which is right as the first one. `check` is bad under the fault and must be OK after the fix. `way` is how it is
    mended, `by_hand` plays the hands where `way` is "hand" (a node that is mended in memory, a port that is let
    go). `undo`: whether the fix is one that can be taken back. `touches` are parts of the world that it changes or
    hides ("engine", "gpu 0", "disk /"): two faults that share one are never injected together, nor are those that
    name each other in `conflicts`.
    """

    name: str
    say: str
    worlds: tuple[WorldMaker[WorldType], ...]
    inject: Callable[[WorldType], Awaitable[None]]
    causes: tuple[str, ...]
    check: str
    way: Way
    blanks: Mapping[str, str] = field(default_factory=dict)
    by_hand: Callable[[WorldType], Awaitable[None]] | None = None
    undo: bool = False
    touches: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Made or real: the same for all its worlds."""
        return self.worlds[0].kind
