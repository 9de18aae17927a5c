"""Measured speeds between looks: what is handed to the next one, and what is kept of this one."""

from __future__ import annotations

import contextlib
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.values import row_of, text_of
from keepwell.plugins.speeds import generation_rate
from keepwell.store.speeds import KeptSpeed, add_speeds, load_speeds, save_speeds


def earlier_speeds(state: Path, node: str) -> tuple[Observation, ...]:
    """The newest kept run of each engine and node, as engine.speed_earlier: to be handed to the next look."""
    newest = {one.engine: one for one in load_speeds(state).kept if Ref.parse(one.engine).node == node}
    return tuple(earlier_of(one) for one in newest.values())


def keep_speeds(state: Path, seen: Seen, now: float) -> None:
    """Keep what this look measured, if it measured anything; a disk that takes nothing costs only the comparison."""
    new = [
        KeptSpeed(at=now, engine=str(one.subject), model=text_of(row_of(one.value), "model"), speed=row_of(one.value))
        for one in seen.named("engine.speed")
        if generation_rate(one.value) > 0
    ]
    if new:
        with contextlib.suppress(AccessError):
            save_speeds(state, add_speeds(load_speeds(state), new))


def earlier_of(one: KeptSpeed) -> Observation:
    """A kept run as engine.speed_earlier."""
    return Observation(
        subject=Ref.parse(one.engine),
        name="engine.speed_earlier",
        value={**one.speed, "at": one.at},
        at=one.at,
        source="earlier runs",
    )
