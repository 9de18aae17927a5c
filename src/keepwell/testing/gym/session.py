"""A whole run of the gym: singles, pairs, healthy windows, in an order that does not matter, told as it goes."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from keepwell.testing.fake_gpu.node import clock_of_made_nodes
from keepwell.testing.gym.fault import Kind
from keepwell.testing.gym.made.node import MadeNode
from keepwell.testing.gym.roster import draw_pairs, load_faults
from keepwell.testing.gym.runner import Gym, play_pair, play_single
from keepwell.testing.gym.trial import PairTrial, Trial, Window
from keepwell.testing.gym.windows import draw_window

#: Told while it runs: what is played, how many are done, of how many.
Tell = Callable[[str, int, int], None]


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
    """What came of it so far; a run that is broken off keeps what it has."""

    trials: list[Trial] = field(default_factory=list)
    pairs: list[PairTrial] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    seconds: float = 0.0


async def play_all(gym: Gym, plan: Plan, tell: Tell, played: Played) -> None:
    """Play the plan, and put what came of it into `played`. ValueError when `only` names no fault."""
    began = time.monotonic()
    faults = load_faults(plan.kinds, plan.only)
    if not faults:
        raise ValueError(f"no fault is called or begins with {plan.only!r}")
    pairs = draw_pairs(faults, plan.pairs, random.Random(gym.seed))
    total, done = len(faults) + len(pairs) + plan.healthy, 0
    for fault in faults:
        tell(f"{fault.name} ({fault.kind})", done, total)
        played.trials.append(await play_single(gym, fault, whole_way=plan.whole_way))
        done += 1
    for one, other in pairs:
        tell(f"{one.name} and {other.name}", done, total)
        played.pairs.append(await play_pair(gym, one, other))
        done += 1
    async for window in _play_windows(gym, plan.healthy):
        tell("healthy windows", done, total)
        played.windows.append(window)
        done += 1
    tell("counting", total, total)
    played.seconds = time.monotonic() - began


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
