"""Several nodes at once: each in its own time, and one that fails harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

from keepwell.app.operation import Progress
from keepwell.app.targets import Target
from keepwell.app.unreached import Unreached
from keepwell.core.errors import KeepwellError, TimedOut

#: Nodes that are logged in to at once. One that does not answer costs ten seconds, in which the others are looked at.
LOGINS = 20
#: Nodes that are looked at at once. A look is mostly work here (0.2 s), little waiting: with more, the time limits of
#: all are spent in a queue of our own making.
LOOKS = 6
#: Seconds for one node, from the first question to the last judgement, by level: levels 3 and 4 let engines work.
NODE_SECONDS = {1: 60.0, 2: 60.0, 3: 300.0, 4: 600.0}

Place = TypeVar("Place")
Told = TypeVar("Told")


async def ask_all(
    targets: Sequence[Target],
    way: Callable[[Target], AbstractAsyncContextManager[Place]],
    ask: Callable[[Place], Awaitable[Told]],
    progress: Progress,
    *,
    node_seconds: float = NODE_SECONDS[2],
) -> list[Told | Unreached]:
    """What each target told, in their order, or why it could not be asked. Raises only for bugs.

    `way` opens the way to a target, within time limits of its own, `ask` asks there, within `node_seconds`.
    """
    done = 0
    doors, looks = asyncio.Semaphore(LOGINS), asyncio.Semaphore(LOOKS)

    async def one(target: Target) -> Told | Unreached:
        nonlocal done
        try:
            async with AsyncExitStack() as opened:
                async with doors:
                    place = await opened.enter_async_context(way(target))
                async with looks, asyncio.timeout(node_seconds):
                    answer: Told | Unreached = await ask(place)
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
