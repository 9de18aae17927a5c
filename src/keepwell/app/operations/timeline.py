"""What changed on a node."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.timeline_report import TimelineReport


async def timeline(
    caller: Caller,
    *,
    target: Annotated[
        str, Param(help="Where to look: a node of keepwell.toml, user@host, or FILE.kwb.", position=True, means="place")
    ] = "",
    since: Annotated[str, Param(help="How far back: 6h, 2d, 14d.")] = "2d",
    kind: Annotated[
        str,
        Param(help="Only these, parted by commas: boot, package, unit, container, file, engine, model, network, ..."),
    ] = "",
) -> "TimelineReport":
    """List what changed on a node, in one order.

    Packages, kernel and driver, boots, suspends, units, containers and images, settings files, models, engines'
    releases and restarts; what could not be read is named. Changes nothing.
    """
    from keepwell.app.telling import tell_timeline

    return await tell_timeline(caller, target, since=since, kind=kind)


OPERATIONS = (
    Operation(
        name="timeline",
        effect="read",
        function=timeline,
        for_models=ForModels(
            words="anything changed since yesterday update upgrade installed reboot restart when happened suddenly",
            takes=("since", "kind"),
        ),
    ),
)
