"""Several nodes at once: each in its own time, and one that fails harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from keepwell.app.operation import Progress
from keepwell.app.report import Unreached
from keepwell.app.targets import Target
from keepwell.core.errors import KeepwellError, TimedOut

#: Nodes that are asked at once. A look is mostly work here (0.3 s), little waiting: with more, the time limits of all
#: are spent in a queue of our own making.
AT_ONCE = 8
#: Seconds for one node from the first packet to the last judgement, queueing included: a person waits.
NODE_SECONDS = 60.0

T = TypeVar("T")


async def ask_all(
    targets: Sequence[Target],
    ask: Callable[[Target], Awaitable[T]],
    progress: Progress,
    *,
    node_seconds: float = NODE_SECONDS,
) -> list[T | Unreached]:
    """What each target gave, in their order, or why it could not be asked. Raises only for bugs."""
    done = 0
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(target: Target) -> T | Unreached:
        nonlocal done
        try:
            async with gate, asyncio.timeout(node_seconds):
                answer: T | Unreached = await ask(target)
        except TimeoutError:
            error = TimedOut(f"not looked through within {node_seconds:g} s", hint="ask this node alone, or at level 1")
            answer = unreached(target, error)
        except KeepwellError as error:
            answer = unreached(target, error)
        done += 1
        progress(f"looked at {target.name}", done, len(targets))
        return answer

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(target)) for target in targets]
    return [task.result() for task in tasks]


def unreached(target: Target, error: KeepwellError) -> Unreached:
    """A target that could not be looked at, with all that its error says."""
    return Unreached(node=target.name, what=error.what, where=error.where, command=error.command, hint=error.hint)
