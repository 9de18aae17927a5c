"""What people are told of: what is wrong, who knows, what is worked on."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.alerting.reports import AlertHistoryReport, AlertsReport
    from keepwell.app.alerting.trying import AlertTestReport


async def list_them(caller: Caller) -> "AlertsReport":
    """List incidents that last, who knows, and how outlets do.

    As the hub (keepwell up) decided last: one incident is a root with all that depends on it. Exit code 1 for a
    warning, 2 for something critical.
    """
    from keepwell.app.alerting.reports import list_alerts

    return list_alerts(caller)


async def history(
    caller: Caller,
    *,
    incident: Annotated[str, Param(help="Only this incident.", position=True)] = "",
    last: Annotated[int, Param(help="How many entries.", short="-n", minimum=1, maximum=10_000)] = 50,
) -> "AlertHistoryReport":
    """Show what was told and what was known at that moment."""
    from keepwell.app.alerting.reports import list_history

    return list_history(caller, last=last, incident=incident)


async def ack(
    caller: Caller,
    *,
    incident: Annotated[str, Param(help="The incident's id, as listed, or all.", position=True)],
    note: Annotated[str, Param(help="What you are doing about it.")] = "",
) -> "AlertsReport":
    """Say that you know: it is not told again unless worse.

    Its end is still told. A message names the id.
    """
    from keepwell.app.alerting.reports import acknowledge

    return acknowledge(caller, incident, note)


async def maintenance(
    caller: Caller,
    *,
    subject: Annotated[
        str, Param(help="A node, NODE/ENGINE, or KIND:NODE/NAME; left out, lists what there is.", position=True)
    ] = "",
    for_: Annotated[str, Param(help="How long: 30m, 2h, 1d.")] = "1h",
    why: Annotated[str, Param(help="Why, for others.")] = "",
    end: Annotated[bool, Param(help="It is over.")] = False,
) -> "AlertsReport":
    """Tell nobody of something and what depends on it for a time.

    What keepwell drain was told is in maintenance by itself until keepwell uncordon. What is still wrong afterwards is
    told then; of what people were told before, they are told the end.
    """
    from keepwell.app.alerting.reports import maintain
    from keepwell.app.diagnosing import parse_age

    return maintain(caller, subject, seconds=parse_age(for_), why=why, end=end)


async def try_them(
    caller: Caller,
    *,
    name: Annotated[str, Param(help="The outlet's name in keepwell.toml; all if left out.", position=True)] = "",
) -> "AlertTestReport":
    """Send a test to your outlets and say what each answered.

    Delivered as alerts are: by a process of its own, within 30 seconds. Exit code 2 if an outlet did not take it.
    """
    from keepwell.app.alerting.trying import try_outlets

    return await try_outlets(caller, name)


OPERATIONS = (
    Operation(
        name="alerts list",
        effect="read",
        function=list_them,
        watchable=True,
        view="alerts",
        for_models=ForModels(words="alert alarm message incident page woke told"),
    ),
    Operation(
        name="alerts history",
        effect="read",
        function=history,
        view="alert_history",
        for_models=ForModels(words="alert alarm message incident history night", takes=("incident",)),
    ),
    Operation(
        name="alerts ack",
        effect="change",
        function=ack,
        faces=("cli", "api"),
        view="alerts",
        proposable=True,
    ),
    Operation(
        name="alerts maintenance",
        effect="change",
        function=maintenance,
        faces=("cli", "api"),
        view="alerts",
        proposable=True,
    ),
    Operation(name="alerts test", effect="change", function=try_them, faces=("cli", "api"), view="alert_test"),
)
