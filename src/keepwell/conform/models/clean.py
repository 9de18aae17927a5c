"""The plan that sets aside what is broken in a store and what nothing needs: renamed into a folder beside it. Pure.

Nothing is deleted: what was set aside is taken back by undo, or deleted by whoever looked at it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from keepwell.conform.models.judge import Fault, FaultKind
from keepwell.core.entry import ABSENT, Entry
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Plan, Put, Rename, reverse
from keepwell.core.words import clean, command_line, size

#: The plan's step, and what is asked for at its end.
STEP, CHECK = "models-clean", "models.clean"
#: What is set aside. Of corrupt, cut and empty files only blobs: an engine fetches a blob again that is not there, and
#: believes one that is. What is missing, cannot be read, or repeats another that is needed too, is told alone.
LEFT_OVER: tuple[FaultKind, ...] = ("partial", "temporary", "orphan")
BROKEN: tuple[FaultKind, ...] = ("manifest-corrupt", "corrupt", "truncated", "empty")
#: Files of one plan: what remains is for the next one.
MOST_FILES = 1000
#: Only the owner looks into it: what is in a store may be secret.
_FOLDER = Entry(kind="folder", mode=0o700)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Where things are set aside: `root` is the store, `folder` a new one for this time, whose parent may be new too.
    `entries` tell what lies at folders: those that things are taken from, and the new ones.
    """

    root: str
    folder: str
    entries: Mapping[str, Entry]


def choose_faults(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Those that can be set aside. What changed lately stays; orphans also as long as a manifest cannot be read that
    may name them, and while something is fetched: its manifest comes last.
    """
    unsure = any(one.kind in ("manifest-corrupt", "unreadable") and not one.blob for one in faults)
    unsure = unsure or any(one.kind == "partial" and one.fresh for one in faults)
    left = [kind for kind in LEFT_OVER if kind != "orphan" or not unsure]
    chosen = [one for one in faults if one.kind in BROKEN and (one.blob or one.kind == "manifest-corrupt")]
    chosen += [one for one in faults if one.kind in left and not one.fresh]
    return tuple(chosen[:MOST_FILES])


def plan_clean(faults: Sequence[Fault], aside: Aside, node: str, engine: str, fetch: Iterable[str] = ()) -> Plan:
    """The plan for these faults; `fetch` are commands that bring back what models then lack."""
    changes: list[Change] = []
    made: set[str] = set()
    for fault in faults:
        target = posixpath.join(aside.folder, posixpath.relpath(fault.path, aside.root))
        changes += [_make(path, aside, node) for path in _new_folders(target, aside, made)]
        changes.append(_move(fault, target, aside, node, engine))
    later = "; ".join(fetch)
    note = f"nothing is deleted: all of it lies in {aside.folder} afterwards"
    note += f"; then fetch what models lack: {later}" * bool(later)
    subject = Ref("path", (node, aside.root))
    return Plan(
        step=STEP, check=CHECK, subject=subject, why=summarise(faults), changes=tuple(changes), note=clean(note, 2000)
    )


def summarise(faults: Sequence[Fault]) -> str:
    """How many files of each kind, and how many bytes they take."""
    counts: dict[str, int] = {}
    for one in faults:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    words = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{words}: {size(sum(one.bytes_taken for one in faults))}"


def folders_of(paths: Iterable[str]) -> tuple[str, ...]:
    """The folders that these lie in, each once."""
    return tuple(dict.fromkeys(posixpath.dirname(path) for path in paths))


def judge_cleaned(plan: Plan, faults: Sequence[Fault]) -> Finding:
    """Whether what was set aside is gone from its place, and no model needs what none needed when it was planned."""
    moved = {one.do.path: one.subject.kind for one in plan.changes if isinstance(one.do, Rename)}
    wrong = [one for one in faults if one.path in moved and (one.kind != "missing" or moved[one.path] == "path")]
    if wrong:
        first = wrong[0]
        message = f"{clean(first.path)} is {first.kind}: {clean(first.detail)}"
        return Finding(check=CHECK, subject=plan.subject, status=Status.CRITICAL, message=message)
    return Finding(check=CHECK, subject=plan.subject, status=Status.OK, message="what was broken or left over is gone")


def _new_folders(target: str, aside: Aside, made: set[str]) -> list[str]:
    """Folders that must be made first, the outermost first; none above the one beside the store."""
    found: list[str] = []
    folder = posixpath.dirname(target)
    outside = posixpath.dirname(posixpath.dirname(aside.folder))
    while folder not in {*made, outside} and aside.entries.get(folder, ABSENT).kind == "absent":
        found.append(folder)
        made.add(folder)
        folder = posixpath.dirname(folder)
    return found[::-1]


def _make(path: str, aside: Aside, node: str) -> Change:
    do = Put(path=path, before=aside.entries.get(path, ABSENT), after=_owned(aside))
    return Change(
        subject=Ref("path", (node, path)),
        what=f"folder {path}",
        before="nothing",
        after="a folder for what is set aside",
        do=do,
        undo=reverse(do),
    )


def _owned(aside: Aside) -> Entry:
    """A folder of whoever the store belongs to."""
    store = aside.entries.get(aside.root, ABSENT)
    return replace(_FOLDER, uid=store.uid, gid=store.gid)


def _move(fault: Fault, target: str, aside: Aside, node: str, engine: str) -> Change:
    do = Rename(path=fault.path, target=target)
    before = aside.entries.get(posixpath.dirname(fault.path), ABSENT)
    stops = ""
    subject = Ref("path", (node, fault.path))
    if fault.models:
        stops = f"{', '.join(fault.models)}: not to be loaded until it is fetched again"
        subject = Ref("model", (node, engine, fault.models[0]))
    return Change(
        subject=subject,
        what=f"{fault.kind} {posixpath.relpath(fault.path, aside.root)}, {size(fault.bytes_taken)}",
        before=fault.path,
        after=target,
        do=do,
        undo=reverse(do, (before.modified_ns, -1)),
        interrupts=stops,
    )


def show_fetch(commands: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Commands as a person types them, each once, without the empty ones."""
    return tuple(dict.fromkeys(command_line(one) for one in commands if one))
