"""Keep incidents: what was wrong, what it was, what helped; and learn from those that are closed."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.lessons.incident_report import IncidentReport, IncidentsReport

_ID = Param(help="The incident's id, as `keepwell incident list` shows it.", position=True)
_AGAIN = "Look once more whether it stayed well: after the soak that confirms the cause."


async def open_one(
    caller: Caller,
    *,
    what: Annotated[str, Param(help="What is wrong, in your words.", position=True)] = "",
    evidence: Annotated[
        str,
        Param(help="A log or pasted text instead of a look; - is standard input.", short="-e", hidden_from=("api",)),
    ] = "",
    bundle: Annotated[str, Param(help="A bundle of a node instead of a look.", hidden_from=("api",))] = "",
    at: Annotated[str, Param(help="The node to look at; this machine if left out.", means="place")] = "",
    level: Annotated[int, Param(help="How deep to look.", minimum=1, maximum=2)] = 2,
) -> "IncidentReport":
    """Keep what is wrong now: a redacted bundle and the diagnosis.

    Looks at this machine as `keepwell diagnose` does, or reads what is given. Nothing is changed; the record lies in
    the state folder, readable by its owner alone.
    """
    from keepwell.app.lessons import incidents

    wish = incidents.Opening(what=what, evidence=evidence, bundle=bundle, at=at, level=level)
    return await incidents.open_incident(caller, wish)


async def note(
    caller: Caller,
    *,
    incident: Annotated[str, _ID],
    text: Annotated[str, Param(help="What was seen or done.", position=True)],
    checked: Annotated[bool, Param(help="Something that was checked: told when an incident like it comes.")] = False,
) -> "IncidentReport":
    """Write down what was seen or done in an incident."""
    from keepwell.app.lessons import incidents

    return incidents.note_incident(caller, incident, text, checked=checked)


async def close(
    caller: Caller,
    *,
    incident: Annotated[str, _ID],
    cause: Annotated[str, Param(help="The cause, as `keepwell issues` lists it, or a new name.")] = "",
    fixed_by: Annotated[str, Param(help="What put it right.")] = "",
    soak: Annotated[str, Param(help="How long it has to stay well to be confirmed (15m).")] = "",
    at: Annotated[str, Param(help="Where to look again; where it was opened if left out.", means="place")] = "",
    unseen: Annotated[bool, Param(help="Take my word, do not look again.")] = False,
    recheck: Annotated[bool, Param(help=_AGAIN)] = False,
) -> "IncidentReport":
    """Write down what it was, look again, and learn from it.

    What was bad at the open is looked at again. A cause is confirmed when that is well now and still is after the
    soak; a word alone counts less. A new name makes a draft of a cause.
    """
    from keepwell.app.lessons import closing

    if recheck:
        return await closing.recheck_incident(caller, incident)
    ending = closing.Ending(cause=cause, fixed_by=fixed_by, soak=soak, at=at, unseen=unseen)
    return await closing.close_incident(caller, incident, ending)


async def list_them(
    caller: Caller,
    *,
    recheck: Annotated[bool, Param(help="Look again at all whose soak is over.")] = False,
) -> "IncidentsReport":
    """List the incidents, newest first, and how each ended."""
    from keepwell.app.lessons import closing, incidents

    if recheck:
        await closing.recheck_due(caller)
    return incidents.list_all(caller)


async def show(caller: Caller, *, incident: Annotated[str, _ID]) -> "IncidentReport":
    """Show one incident whole, with its redacted evidence."""
    from keepwell.app.lessons import incidents

    return incidents.show_incident(caller, incident)


OPERATIONS = (
    Operation(
        name="incident open",
        effect="change",
        function=open_one,
        faces=("cli", "api"),
        view="incident",
        proposable=True,
    ),
    Operation(
        name="incident note",
        effect="change",
        function=note,
        faces=("cli", "api"),
        view="incident",
        proposable=True,
    ),
    Operation(
        name="incident close",
        effect="change",
        function=close,
        faces=("cli", "api"),
        view="incident",
        proposable=True,
    ),
    Operation(
        name="incident list",
        effect="change",
        function=list_them,
        reads_without=("recheck",),
        view="incident",
    ),
    Operation(name="incident show", effect="read", function=show, view="incident"),
)
