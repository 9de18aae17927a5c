"""The plan that lets an engine serve from the copy of its store: a link in the old place, or its own setting. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keepwell.conform.models.judge import Fault
from keepwell.core.entry import Entry
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref
from keepwell.core.run import MIGRATE
from keepwell.core.step import Activation, Change, Plan, Put, Rename, Serving, reverse
from keepwell.core.words import clean
from keepwell.plugins.running import Running, begin_change, end_change, end_of_values, without_values

#: The plan's step, what is asked for at its end, and the kind of run that it becomes.
STEP, CHECK, KIND = "models-migrate", "models.migrate", MIGRATE
#: What the old folder is called when a link has taken its place.
OLD = "{source}.before-{run}"
_BRIEF = "requests for its models, for less than a second"
_RESTART = "the engine is started again: a model in memory is loaded again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A store that moves from one folder of a node to another. `engine` serves from it, None where none does."""

    node: str
    title: str
    source: str
    target: str
    engine: Ref | None = None
    proof: tuple[Serving, ...] = ()

    @property
    def subject(self) -> Ref:
        """The folder that it moves from."""
        return Ref("path", (self.node, self.source))


def plan_link(move: Move, there: Entry, folder_ns: int, run_id: str) -> Plan:
    """Let a link lie in the old place: the folder is renamed first; a link that lay there leads elsewhere then.

    `there` is what lies there now, `folder_ns` when the folder that it lies in was last changed.
    """
    link = Entry(kind="link", target=move.target)
    if there.kind == "link":
        put = Put(path=move.source, before=there, after=link)
        return _plan(move, (_lead(move, there.target, put),))
    old = OLD.format(source=move.source, run=run_id)
    rename = Rename(path=move.source, target=old)
    aside = Change(
        subject=move.subject,
        what="old folder, which stays whole",
        before=move.source,
        after=old,
        do=rename,
        undo=reverse(rename, (folder_ns, folder_ns)),
        interrupts=_BRIEF,
    )
    put = Put(path=move.source, before=Entry(kind="absent"), after=link)
    return _plan(move, (aside, _lead(move, "nothing", put)))


def plan_process(move: Move, running: Running, setting: str, run_id: str) -> Plan:
    """End a plain process and start it with another value of its setting. ValueError where it cannot be started."""
    if running.start is None or running.problem:
        raise ValueError(running.problem or "its start command is not known")
    argv = set_value(running.start.argv, setting, move.target)
    other = replace(running, start=replace(running.start, argv=argv))
    begin = begin_change(other, f"{run_id}-again")
    begin = replace(begin, what=f"{begin.what} with {setting}", before=move.source, after=move.target)
    return _plan(move, (end_change(running, run_id), begin))


def plan_file(move: Move, changes: Sequence[Change], activate: Sequence[Activation]) -> Plan:
    """Let a file of the engine's settings name the other folder, and the engine be started again."""
    named = tuple(replace(one, before=move.source, after=move.target, interrupts=_RESTART) for one in changes[-1:])
    return _plan(move, (*changes[:-1], *named), tuple(activate))


def set_value(argv: Sequence[str], name: str, value: str) -> tuple[str, ...]:
    """A start command that begins with `env`, with this variable set so."""
    rest = without_values(argv, (name,))
    place = end_of_values(rest)
    return ("env", *rest[1:place], f"{name}={value}", *rest[place:])


def find_target(plan: Plan) -> str:
    """The folder that a plan of this kind lets an engine serve from, "" for another plan."""
    if plan.step != STEP:
        return ""
    return plan.changes[-1].after


def find_old(plan: Plan) -> str:
    """Where the old store lies once it was carried out."""
    first = plan.changes[0]
    if isinstance(first.do, Rename):
        return first.do.target
    return plan.subject.name


def judge_moved(plan: Plan, before: Sequence[Fault], after: Sequence[Fault]) -> Finding:
    """Whether the new folder's store lacks nothing that the old one has, by what its manifests name."""
    old, new = find_old(plan), find_target(plan)
    known = {(one.kind, posixpath.relpath(one.path, old)) for one in before}
    for one in after:
        if one.status is Status.CRITICAL and (one.kind, posixpath.relpath(one.path, new)) not in known:
            message = f"{clean(one.path)} is {one.kind}: {clean(one.detail)}"
            return Finding(check=CHECK, subject=plan.subject, status=Status.CRITICAL, message=message)
    message = f"the store at {new} has all that the old one has"
    return Finding(check=CHECK, subject=plan.subject, status=Status.OK, message=message)


def _lead(move: Move, before: str, put: Put) -> Change:
    return Change(
        subject=move.subject,
        what=f"link at {move.source}",
        before=before,
        after=move.target,
        do=put,
        undo=reverse(put),
        interrupts=_BRIEF,
    )


def _plan(move: Move, changes: tuple[Change, ...], activate: tuple[Activation, ...] = ()) -> Plan:
    return Plan(
        step=STEP,
        check=CHECK,
        subject=move.subject,
        why=clean(f"{move.title}'s models move to {move.target}"),
        changes=changes,
        activate=activate,
        note="the old folder stays as it is; what is fetched after the move lies in the new one alone",
        engine=move.engine,
        proof=move.proof,
    )
