"""Where the time of requests goes."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.profiling import ProfileReport


async def profile(
    caller: Caller,
    *,
    since: Annotated[str, Param(help="How far back: 30m, 6h, 2d; usually 24h.")] = "",
    route: Annotated[str, Param(help="Only this route, or what asked for this model.")] = "",
    node: Annotated[str, Param(help="Only replicas on this node.")] = "",
) -> "ProfileReport":
    """Tell where the time of requests goes, and what would pay.

    Waiting for a replica, loading the model, reading the prompt, making the answer, the way there, a client that is
    slow to read: for each model and replica, by what engines tell of their own work, with what would save most.
    """
    import asyncio

    from keepwell.app.profiling import profile_requests

    return await asyncio.to_thread(profile_requests, caller, since=since, route=route, node=node)


OPERATIONS = (
    Operation(
        name="profile",
        effect="read",
        function=profile,
        for_models=ForModels(
            words="anything slow fast latency time wait queue ttft first token request throughput prompt",
            takes=("since", "route"),
        ),
    ),
)
