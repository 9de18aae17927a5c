"""One engine, as its owner wants it: looked at, started, ended, restarted."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from keepwell.app.operation import Caller, Operation, Param
from keepwell.core.foresight import Foresight

if TYPE_CHECKING:
    from keepwell.app.repair_report import PlanReport
    from keepwell.app.running.report import EngineReport

_NAME = Param(
    help="The engine as other commands write it, its label, unit, container or address, or its kind.", position=True
)
_NODE = Param(help="The node that it is on; this machine if left out.", means="place")
_FORCE = Param(help="Also where something is wrong that would keep it from coming up.")


async def status(caller: Caller, *, name: Annotated[str, _NAME], node: Annotated[str, _NODE] = "") -> "EngineReport":
    """Tell how one engine is: release, models, what is in memory.

    Exit code 0: able to serve; 1: loading or asleep; 2: not able to serve. Loads nothing.
    """
    from keepwell.app.running.acting import tell_status

    return await tell_status(caller, name, node)


async def start(
    caller: Caller,
    *,
    name: Annotated[str, _NAME],
    node: Annotated[str, _NODE] = "",
    force: Annotated[bool, _FORCE] = False,
) -> "EngineReport":
    """Start an engine, and prove that it answers.

    By its unit, job or container, or as a plain process the way it was started before. Looks first at what would keep
    it from coming up: its settings and unit, its port, its models folder, disks and GPU. `keepwell undo` ends it again.
    """
    from keepwell.app.running.acting import start as begin

    return await begin(caller, name, node, force=force)


async def stop(caller: Caller, *, name: Annotated[str, _NAME], node: Annotated[str, _NODE] = "") -> "EngineReport":
    """Stop an engine when its requests have ended.

    Behind the gateway it gets no new ones first. By its unit, job or container; a plain process by SIGTERM, and by
    SIGKILL after ten seconds. `keepwell undo` starts it as it was.
    """
    from keepwell.app.running.acting import stop as end

    return await end(caller, name, node)


async def restart(
    caller: Caller,
    *,
    name: Annotated[str, _NAME],
    node: Annotated[str, _NODE] = "",
    force: Annotated[bool, _FORCE] = False,
    load: Annotated[
        bool, Param(help="Load again what was in its memory, for as long as it would have stayed.")
    ] = False,
) -> "EngineReport":
    """Restart an engine, and prove that it is as before.

    Looks first at what would keep it from coming up, and stops nothing then. Without requests of the gateway meanwhile.
    Afterwards it has to be of the same release and to offer the same models.
    """
    from keepwell.app.running.acting import restart as again

    return await again(caller, name, node, force=force, load=load)


async def adopt(
    caller: Caller,
    *,
    engine: Annotated[
        str,
        Param(help="The engine whose address the gateway takes; that of its usual kind if left out.", position=True),
    ] = "",
    port: Annotated[int, Param(help="The engine's new port; a free one if left out.", minimum=0, maximum=65535)] = 0,
    insecure: Annotated[bool, Param(help="Other machines may go on asking without a key.")] = False,
) -> "PlanReport":
    """Plan that the gateway takes an engine's address.

    The engine moves to another port by its own setting, in the file where that stands; keepwell.toml names both
    addresses; the gateway starts, or starts again, where the engine was. Clients keep their address and get the same
    answers. Changes nothing: `keepwell apply` carries it out, `keepwell undo` puts all of it back.
    """
    from keepwell.app.running.adopting import AdoptWish, plan_adopting

    return await plan_adopting(caller, AdoptWish(engine=engine, port=port, insecure=insecure))


async def _foresee_start(caller: Caller, arguments: Mapping[str, Any]) -> Foresight:
    from keepwell.app.proposing.engines import foresee_engine

    return await foresee_engine(caller, arguments, "starts it and proves that it answers; keepwell undo ends it again")


async def _foresee_stop(caller: Caller, arguments: Mapping[str, Any]) -> Foresight:
    from keepwell.app.proposing.engines import foresee_engine

    effect = "stops it once its requests have ended, its models serve nobody; keepwell undo starts it as it was"
    return await foresee_engine(caller, arguments, effect)


async def _foresee_restart(caller: Caller, arguments: Mapping[str, Any]) -> Foresight:
    from keepwell.app.proposing.engines import foresee_engine

    effect = "stops and starts it without requests of the gateway meanwhile; what is in its memory is loaded anew"
    return await foresee_engine(caller, arguments, effect)


OPERATIONS = (
    Operation(name="engine status", effect="read", function=status, view="engine"),
    Operation(
        name="engine start",
        effect="change",
        function=start,
        faces=("cli", "api"),
        view="engine",
        proposable=True,
        foresee=_foresee_start,
    ),
    Operation(
        name="engine stop",
        effect="change",
        function=stop,
        faces=("cli", "api"),
        view="engine",
        proposable=True,
        foresee=_foresee_stop,
    ),
    Operation(
        name="engine restart",
        effect="change",
        function=restart,
        faces=("cli", "api"),
        view="engine",
        proposable=True,
        foresee=_foresee_restart,
    ),
    Operation(name="adopt", effect="read", function=adopt, view="plan"),
)
