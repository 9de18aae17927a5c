"""Incidents: opened when something is wrong, closed with what it was, and learned from."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param
from keepwell.core.errors import ConfigurationError

if TYPE_CHECKING:
    from keepwell.app.incident_report import IncidentReport, IncidentsReport

_ACTIONS = ("open", "note", "close", "list", "show")


async def incident(
    caller: Caller,
    *,
    action: Annotated[str, Param(help="open, note, close, list or show.", position=True)],
    words: Annotated[
        list[str] | None,
        Param(help="With open: what is wrong. Else the incident's id; with note its text.", position=True),
    ] = None,
    evidence: Annotated[
        str, Param(help="With open: a log or pasted text instead of a look; - is standard input.")
    ] = "",
    bundle: Annotated[str, Param(help="With open: a bundle of a node instead of a look.")] = "",
    at: Annotated[str, Param(help="With open or close: the node to look at; this machine if left out.")] = "",
    level: Annotated[int, Param(help="With open: how deep to look.", minimum=1, maximum=2)] = 2,
    cause: Annotated[str, Param(help="With close: the cause, as `keepwell issues` lists it, or a new name.")] = "",
    fixed_by: Annotated[str, Param(help="With close: what put it right.")] = "",
    soak: Annotated[str, Param(help="With close: how long it has to stay well to be confirmed (15m).")] = "",
    unseen: Annotated[bool, Param(help="With close: take my word, do not look again.")] = False,
    recheck: Annotated[
        bool, Param(help="With close: look once more whether it stayed well. With list: at all.")
    ] = False,
    checked: Annotated[
        bool, Param(help="With note: this is something that was checked, worth checking again.")
    ] = False,
) -> "IncidentReport | IncidentsReport":
    """Keep an incident: what was wrong, what it was, what helped. keepwell learns from those that are closed.

    open looks at this machine and keeps a redacted bundle with the diagnosis; note adds a line; close looks again
    at what was bad, writes down cause and fix, and says what was learned; list and show tell what is kept.
    A cause is confirmed when its symptom's own check is well at the close and still is after the soak; a word alone
    counts less. A new name makes a draft of a cause.
    """
    from keepwell.app import closing, incidents

    given = words or []
    if action == "open":
        wish = incidents.Opening(what=" ".join(given), evidence=evidence, bundle=bundle, at=at, level=level)
        return await incidents.open_incident(caller, wish)
    if action == "list":
        if recheck:
            await closing.recheck_due(caller)
        return incidents.list_all(caller)
    if action not in _ACTIONS:
        raise ConfigurationError(f"{action!r} is nothing that can be done", hint=f"write {', '.join(_ACTIONS)}")
    if not given:
        raise ConfigurationError(f"{action} needs the id of an incident", hint="keepwell incident list")
    if action == "note":
        return incidents.note_incident(caller, given[0], " ".join(given[1:]), checked=checked)
    if action == "show":
        return incidents.show_incident(caller, given[0])
    if recheck:
        return await closing.recheck_incident(caller, given[0])
    ending = closing.Ending(cause=cause, fixed_by=fixed_by, soak=soak, at=at, unseen=unseen)
    return await closing.close_incident(caller, given[0], ending)


OPERATIONS = (Operation(name="incident", effect="change", function=incident, faces=("cli",)),)
