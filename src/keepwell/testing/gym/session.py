"""A whole run of the gym: singles, pairs, healthy windows, in an order that does not matter, told as it goes."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from keepwell.testing.fake_gpu.node import clock_of_made_nodes
from keepwell.testing.gym.fault import Kind
from keepwell.testing.gym.made.node import MadeNode
from keepwell.testing.gym.roster import AnyFault, draw_pairs, load_faults
from keepwell.testing.gym.runner import Gym, play_pair, play_single
from keepwell.testing.gym.trial import PairTrial, Trial, Window, tell_pair, tell_trial
from keepwell.testing.gym.windows import draw_window

#: Told while it runs: what is played, how many are done, of how many.
Tell = Callable[[str, int, int], None]
#: Told of every trial that was played: a line.
Note = Callable[[str], None]
#: After so many healthy windows a line is told.
WINDOWS_A_LINE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to play. `kinds` () is both; `only` is a fault's name or the beginning of some; `whole_way` off looks
    once.
    """

    kinds: tuple[Kind, ...] = ()
    only: str = ""
    pairs: int = 0
    healthy: int = 0
    whole_way: bool = True


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of it so far; a run that is broken off keeps what it has. `planned` is how much there is to play."""

    planned: int = 0
    trials: list[Trial] = field(default_factory=list)
    pairs: list[PairTrial] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How much was played."""
        return len(self.trials) + len(self.pairs) + len(self.windows)


async def play_all(gym: Gym, plan: Plan, tell: Tell, played: Played, note: Note) -> None:
    """Play the plan, and put what came of it into `played`. ValueError when `only` names no fault."""
    faults = load_faults(plan.kinds, plan.only)
    if not faults:
        raise ValueError(f"no fault is called or begins with {plan.only!r}")
    pairs = draw_pairs(faults, plan.pairs, random.Random(gym.seed))
    played.planned = len(faults) + len(pairs) + plan.healthy
    began = time.monotonic()
    try:
        await _play_faults(gym, faults, plan, tell, played, note)
        await _play_pairs(gym, pairs, tell, played, note)
        await _look_at_windows(gym, plan.healthy, tell, played, note)
    finally:
        played.seconds = time.monotonic() - began


async def _play_faults(
    gym: Gym, faults: Iterable[AnyFault], plan: Plan, tell: Tell, played: Played, note: Note
) -> None:
    for fault in faults:
        tell(f"{fault.name} ({fault.kind})", played.done, played.planned)
        began = time.monotonic()
        trial = await play_single(gym, fault, whole_way=plan.whole_way)
        played.trials.append(trial)
        note(f"{played.done}/{played.planned} {tell_trial(trial)}, {time.monotonic() - began:.1f} s")


async def _play_pairs(
    gym: Gym, pairs: Iterable[tuple[AnyFault, AnyFault]], tell: Tell, played: Played, note: Note
) -> None:
    for one, other in pairs:
        tell(f"{one.name} and {other.name}", played.done, played.planned)
        began = time.monotonic()
        pair = await play_pair(gym, one, other)
        played.pairs.append(pair)
        note(f"{played.done}/{played.planned} {tell_pair(pair)}, {time.monotonic() - began:.1f} s")


async def _look_at_windows(gym: Gym, count: int, tell: Tell, played: Played, note: Note) -> None:
    async for window in _play_windows(gym, count):
        tell("healthy windows", played.done, played.planned)
        played.windows.append(window)
        number = len(played.windows)
        if number % WINDOWS_A_LINE == 0 or number == count:
            alarms = sum(one.alarm for one in played.windows)
            note(f"{played.done}/{played.planned} healthy windows: {alarms} alarms in {number}")


async def _play_windows(gym: Gym, count: int) -> AsyncIterator[Window]:
    if not count:
        return
    with gym.tools("healthy windows") as tools:
        for number in range(count):
            drawn = draw_window(gym.seed, number)
            verdict = await gym.look(MadeNode(drawn.state), clock_of_made_nodes(), drawn.expected, tools)
            yield Window(
                number=number,
                world=drawn.world,
                held=drawn.held,
                exit_code=verdict.exit_code,
                causes=verdict.causes[:3],
                bad=tuple(sorted(verdict.bad)),
                seconds=verdict.seconds,
            )
