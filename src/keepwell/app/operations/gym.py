"""Faults on purpose: how well keepwell names and mends them."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.gym_report import GymReport


async def gym(
    caller: Caller,
    *,
    kinds: Annotated[
        list[str] | None,
        Param(help="Only faults of real engine processes (real) or of machines in memory (made)."),
    ] = None,
    only: Annotated[str, Param(help="Only the fault of this name, or those whose names begin so.")] = "",
    pairs: Annotated[int, Param(help="Also play so many pairs of faults at once.", minimum=0)] = 0,
    healthy: Annotated[int, Param(help="Also look at so many machines with nothing wrong.", minimum=0)] = 0,
    seed: Annotated[int, Param(help="Draws worlds, pairs and healthy windows; the same gives the same.")] = 0,
    without: Annotated[
        list[str] | None,
        Param(help="Switch off refuters, next-probe or timeline, to see what it is good for (made machines only)."),
    ] = None,
) -> "GymReport":
    """Inject faults and score how they are named and mended.

    Into real Ollama and llama.cpp processes in namespaces of their own (needs root on Linux; otherwise they are
    skipped) and into machines in memory. Nothing outside of these is touched.
    """
    from keepwell.app import gym_run

    return await gym_run.play_here(caller, kinds, only, pairs=pairs, healthy=healthy, seed=seed, without=without)


OPERATIONS = (Operation(name="gym", effect="change", function=gym, faces=("cli",)),)
