"""Replicas behind the gateway: looked at, drained, and given work again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from keepwell.app.operation import Caller, ForModels, Operation, Param
from keepwell.core.foresight import Foresight

if TYPE_CHECKING:
    from keepwell.app.serving.replicas import ReplicasReport


async def replicas(caller: Caller) -> "ReplicasReport":
    """List the gateway's replicas: who is out, why, what runs.

    For each: the state of its breaker and until when it is left out, its last errors, whether it was drained and by
    whom, the models in its memory, and the requests that it works on. No engine is asked. After a restart of the
    gateway the requests that the process before still finishes count too.
    """
    from keepwell.app.serving.replicas import list_replicas

    return await list_replicas(caller)


async def drain(
    caller: Caller,
    *,
    name: Annotated[str, Param(help="A node, or an engine as `keepwell replicas` writes it.", position=True)],
    why: Annotated[str, Param(help="What clients that wait for it are told.")] = "",
    wait: Annotated[bool, Param(help="Tell what still runs until nothing does.")] = False,
    timeout: Annotated[float, Param(help="Seconds to wait; exit code 1 if something still runs then.")] = 600.0,
) -> "ReplicasReport":
    """Send no new work to a node or engine; what runs ends well.

    Holds until `keepwell uncordon`, also over restarts of the gateway and while none runs. Other replicas take over;
    requests that nobody else can take wait as long as their route lets them, then get 503 with the reason.
    """
    from keepwell.app.serving.replicas import cordon as set_cordon

    return await set_cordon(caller, name, why=why, wait=wait, timeout_seconds=timeout)


async def cordon(
    caller: Caller,
    *,
    name: Annotated[str, Param(help="A node, or an engine as `keepwell replicas` writes it.", position=True)],
    why: Annotated[str, Param(help="What clients that wait for it are told.")] = "",
) -> "ReplicasReport":
    """Send no new work to a node or engine, and wait for nothing.

    The same as `keepwell drain` without --wait; undone by `keepwell uncordon`.
    """
    from keepwell.app.serving.replicas import cordon as set_cordon

    return await set_cordon(caller, name, why=why, wait=False, timeout_seconds=0.0)


async def uncordon(
    caller: Caller,
    *,
    name: Annotated[str, Param(help="The node or engine that was drained.", position=True)],
) -> "ReplicasReport":
    """Send work to a drained node or engine again."""
    from keepwell.app.serving.replicas import uncordon as take_cordon

    return await take_cordon(caller, name)


async def _foresee_cordon(caller: Caller, arguments: Mapping[str, Any]) -> Foresight:
    from keepwell.app.proposing.engines import foresee_cordon

    effect = "they get no new work until keepwell uncordon; what runs there ends well, other replicas take over"
    return await foresee_cordon(caller, arguments, effect)


OPERATIONS = (
    Operation(
        name="replicas",
        effect="read",
        function=replicas,
        watchable=True,
        for_models=ForModels(words="gateway replica breaker failed error refused 503 502 drained queue request stuck"),
    ),
    Operation(
        name="drain",
        effect="change",
        function=drain,
        faces=("cli", "api"),
        view="replicas",
        proposable=True,
        foresee=_foresee_cordon,
    ),
    Operation(
        name="cordon",
        effect="change",
        function=cordon,
        faces=("cli", "api"),
        view="replicas",
        proposable=True,
        foresee=_foresee_cordon,
    ),
    Operation(
        name="uncordon",
        effect="change",
        function=uncordon,
        faces=("cli", "api"),
        view="replicas",
        proposable=True,
    ),
)
