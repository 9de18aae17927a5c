"""Plays trials: opens a world, injects, looks, lets the fix be carried out, looks again, has it undone."""

from __future__ import annotations

import os
import random
import tempfile
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keepwell.testing.gym.fault import CannotMend, CannotOpen, Collects, Look, Part, Tools, Verdict, World, WorldMaker
from keepwell.testing.gym.roster import AnyFault
from keepwell.testing.gym.trial import PairTrial, Trial, judge_pair, judge_verdict

#: How often the check is looked at after the fix: an engine that was restarted takes some seconds.
LOOKS_AFTER = 3
#: From here on a cause counts as named (see `keepwell.app.report`).
LIKELY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Gym:
    """What all trials share: what the application gives to look and to count probes, its command line, a folder, the
    seed. `count` gets what a verdict of a made node holds, or the bundle of another; () where it cannot tell.
    """

    look: Look
    count: Callable[[object], Awaitable[tuple[str, ...]]]
    keepwell: tuple[str, ...]
    cache: Path
    seed: int = 0
    without: frozenset[Part] = frozenset()

    @contextmanager
    def tools(self, name: str) -> Iterator[Tools]:
        """The tools of one trial; its seed follows from the gym's and its name, so that no order matters."""
        home = next((path for path in ("/srv", "/var/tmp") if _is_writable(Path(path))), None)
        with tempfile.TemporaryDirectory(prefix="kw-gym-", dir=home, ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)
            yield Tools(
                folder=Path(folder),
                cache=self.cache,
                seed=zlib.crc32(f"{self.seed} {name}".encode()),
                keepwell=self.keepwell,
                look=self.look,
                without=self.without,
            )


async def play_single(gym: Gym, fault: AnyFault, *, whole_way: bool = True) -> Trial:
    """One fault alone, in one of its worlds, drawn by the seed."""
    with gym.tools(fault.name) as tools:
        maker: WorldMaker[Any] = random.Random(tools.seed).choice(fault.worlds)
        trial = Trial(
            fault=fault.name,
            kind=fault.kind,
            world=maker.name,
            way=fault.way,
            wanted=fault.causes,
            can_undo=fault.undo,
        )
        try:
            async with maker.open(tools) as world:
                await fault.inject(world)
                verdict = await world.look()
                probes = await _count(gym, world, verdict, tools.folder / "look.kwb")
                trial = judge_verdict(trial, verdict, fault.check)
                trial = replace(trial, probes=len(probes), probe_names=probes)
                if whole_way:
                    trial = await _go_on(trial, fault, world, verdict)
        except CannotOpen as error:
            return replace(trial, skipped=str(error))
    return trial


async def play_pair(gym: Gym, one: AnyFault, other: AnyFault) -> PairTrial:
    """Two faults at once in a world that both can be in."""
    with gym.tools(f"{one.name} + {other.name}") as tools:
        names = {maker.name for maker in other.worlds}
        shared = [maker for maker in one.worlds if maker.name in names]
        maker: WorldMaker[Any] = random.Random(tools.seed).choice(shared)
        trial = PairTrial(faults=(one.name, other.name), kind=one.kind, world=maker.name)
        try:
            async with maker.open(tools) as world:
                await one.inject(world)
                await other.inject(world)
                return judge_pair(trial, await world.look(), (one.causes, other.causes))
        except CannotOpen as error:
            return replace(trial, skipped=str(error))


async def _count(gym: Gym, world: World, verdict: Verdict, bundle: Path) -> tuple[str, ...]:
    """The probes that the verdict takes; () where the world cannot be told of."""
    if not isinstance(world, Collects):
        return await gym.count(verdict.answer)
    try:
        await world.collect(bundle)
    except CannotMend:
        return ()
    return await gym.count(bundle)


async def _go_on(trial: Trial, fault: AnyFault, world: World, verdict: Verdict) -> Trial:
    """The rest of the way: fix, the check OK again, undone where it can be."""
    if not trial.top1:
        return replace(trial, whole="the cause was not the first")
    if not trial.found:
        return replace(trial, whole=f"{fault.check} was not bad")
    try:
        await _mend(fault, world, verdict)
        after = await _look_again(fault, world)
        if not is_well(fault, after):
            return replace(trial, whole=f"{fault.check or 'the cause'} is still there after the fix")
        if not fault.undo:
            return replace(trial, whole="")
        await world.undo()
    except CannotMend as error:
        return replace(trial, whole=str(error))
    return replace(trial, whole="", undone=True)


def is_well(fault: AnyFault, verdict: Verdict) -> bool:
    """The fault's check is bad no more; for one that only lines tell of, its cause is likely no more."""
    if fault.check:
        return fault.check not in verdict.bad
    return not any(one.issue in fault.causes and one.confidence >= LIKELY for one in verdict.causes[:1])


async def _mend(fault: AnyFault, world: World, verdict: Verdict) -> None:
    by_hand: Callable[[World], Awaitable[None]] | None = fault.by_hand
    if fault.way == "hand" and by_hand is not None:
        await by_hand(world)
        return
    await world.mend(verdict, fault.way, fault.blanks)


async def _look_again(fault: AnyFault, world: World) -> Verdict:
    verdict = await world.look()
    for _ in range(LOOKS_AFTER - 1):
        if is_well(fault, verdict):
            break
        verdict = await world.look()
    return verdict


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)
