"""Changes of a made machine that several faults have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from keepwell.testing.fake_gpu.card import FakeCard
from keepwell.testing.gym.made.lines import dated
from keepwell.testing.gym.made.state import MadeEngine, MadeState

Change = Callable[[MadeState], None]
#: How long ago what a fault does is seen first, in seconds.
RECENTLY = 600.0
#: Seconds that a process is up that was restarted since.
YOUNG = 300.0


def all_of(*changes: Change) -> Change:
    """Several changes as one."""

    def change(state: MadeState) -> None:
        for one in changes:
            one(state)

    return change


def card(number: int, **values: Any) -> Change:
    """One card with other values (the last one for -1)."""

    def change(state: MadeState) -> None:
        cards: list[FakeCard] = list(state.machine.cards)
        cards[number] = replace(cards[number], **values)
        state.machine = replace(state.machine, cards=tuple(cards))

    return change


def machine(**values: Any) -> Change:
    """The machine with other values: driver, library, what CUDA says."""

    def change(state: MadeState) -> None:
        state.machine = replace(state.machine, **values)

    return change


def engine(**values: Any) -> Change:
    """The first engine with other values."""

    def change(state: MadeState) -> None:
        for name, value in values.items():
            setattr(state.engines[0], name, value)

    return change


def environment(**values: str) -> Change:
    """The first engine's process with further variables; those of its unit or container as well."""

    def change(state: MadeState) -> None:
        one = state.engines[0]
        one.environment |= values
        if one.unit is not None:
            one.unit.environment |= values

    return change


def kernel_says(*lines: str, ago: float = RECENTLY) -> Change:
    """Lines of the kernel's log, in this order."""

    def change(state: MadeState) -> None:
        state.kernel += [(ago - place * 0.01, line) for place, line in enumerate(lines)]

    return change


def engine_says(lines: Mapping[str, tuple[str, ...]] | tuple[str, ...], ago: float = RECENTLY) -> Change:
    """Lines of the first engine's log; a mapping gives those of each flavour."""

    def change(state: MadeState) -> None:
        one = state.engines[0]
        said = lines
        if isinstance(said, Mapping):
            said = said.get(one.flavour, ())
        moment = min(ago, one.age_seconds - 5)
        one.log += [dated(one, moment - place * 0.01, line) for place, line in enumerate(said)]

    return change


def on_the_cpu(state: MadeState) -> None:
    """Loaded models lie on the CPU, as where the GPU could not be used when they were loaded; nothing is on cards."""
    for one in state.engines:
        one.wire.models = tuple(replace(model, gpu_ratio=0.0) for model in one.wire.models)
    idle = tuple(replace(one, processes=(), memory_used_bytes=500_000_000) for one in state.machine.cards)
    state.machine = replace(state.machine, cards=idle)


def restarted(state: MadeState, ago: float = YOUNG) -> MadeEngine:
    """The first engine, as one that was started so long ago; what the earlier run wrote is left out."""
    one = state.engines[0]
    one.age_seconds = ago
    one.log = [(moment * ago / 40_000.0, text) for moment, text in one.log if moment > 3600.0]
    return one


def restart(state: MadeState) -> None:
    """The first engine was restarted some minutes ago."""
    restarted(state)


def stopped(state: MadeState, exit_status: int, result: str = "exit-code", killed: bool = False) -> MadeEngine:
    """The first engine, ended: no process, no port; its supervisor tells how."""
    one = state.engines[0]
    one.running, one.runner = False, False
    if one.unit is not None:
        one.unit.active, one.unit.sub, one.unit.result = "failed", "failed", result
        one.unit.exit_status, one.unit.exit_code = exit_status, 1 + killed
    if one.container is not None:
        one.container.state, one.container.exit_code = "exited", exit_status + 128 * killed
    cards = tuple(replace(card, processes=(), memory_used_bytes=500_000_000) for card in state.machine.cards)
    state.machine = replace(state.machine, cards=cards)
    return one
