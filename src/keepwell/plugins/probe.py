"""The contract of a probe: a file in `probes/` that ends in `PROBE: Probe`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.core.observation import Observation
from keepwell.plugins.place import Place

#: What looking does to the world. A survey on a timer runs only "none".
ProbeEffect: TypeAlias = Literal["none", "loads-model", "wakes-device"]


@runtime_checkable
class Probe(Protocol):
    """The only thing that reads the world.

    `level` 1-4; `about` is "node" (run once a node) or "engine" (run once an engine); `gives` are the names
    of all observations it may make (each declared in `keepwell.metrics`); `needs` are names that must have
    been observed before; `cost_seconds` is what it usually takes. `observe` makes one observation for every
    name in `gives` that applies, with a Missing value and its reason when it could not see; it raises only
    on a bug.
    """

    level: int
    about: Literal["node", "engine"]
    effect: ProbeEffect
    cost_seconds: float
    gives: tuple[str, ...]
    needs: tuple[str, ...]

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Look once."""
        ...


@runtime_checkable
class TellsWhatItDoes(Protocol):
    """A probe that does more than read: every one whose effect is not "none".

    `does` is one plain sentence without a subject, for the owner who is asked first: "asks each engine's smallest
    model for 8 tokens; loads it where it is not loaded". How long that takes is `cost_seconds`, for each engine.
    """

    does: str


@runtime_checkable
class ForPurpose(Protocol):
    """A probe that looks only where its purpose is asked for (see `keepwell.core.finding.Check`), at no level."""

    purpose: str


def purpose_of(probe: Probe) -> str:
    """The purpose that a probe serves; "" for one that looks whenever its level is asked for."""
    if isinstance(probe, ForPurpose):
        return probe.purpose
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the owner is asked before a probe that does more than read: its name, what it will do, its seconds at
    each engine (or once, at the node), and whether it may load a model.
    """

    probe: str
    does: str
    seconds: float
    about: Literal["node", "engine"]
    loads_model: bool


def needs_consent(probe: Probe) -> bool:
    """True for a probe that loads a model or wakes a device: it runs only after a yes."""
    return probe.effect != "none"


def what_it_asks(name: str, probe: Probe) -> Asked:
    """The question to the owner about this probe; its effect in words where it does not tell what it does."""
    does = {"loads-model": "loads a model and lets it answer", "wakes-device": "wakes a device"}.get(probe.effect, "")
    if isinstance(probe, TellsWhatItDoes):
        does = probe.does
    return Asked(
        probe=name,
        does=does,
        seconds=probe.cost_seconds,
        about=probe.about,
        loads_model=probe.effect == "loads-model",
    )
