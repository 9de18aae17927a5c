"""What will be seen once changes are made: so that two wishes about one file become two changes that fit. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keepwell.core.entry import ABSENT, Entry
from keepwell.core.observation import Missing
from keepwell.core.step import Action, Change, Put, RemoveFile, Rename, SetMode, SetOwner, WriteFile
from keepwell.plugins.wish import Looked


def foresee(looked: Looked, changes: Iterable[Change], makes: Iterable[str] = ()) -> Looked:
    """What was seen, with these changes made, which make these users and groups. What else commands would change is not
    foreseen.
    """
    entries = dict(looked.entries)
    for one in changes:
        _make(entries, one.do)
    return replace(looked, entries=entries, coming=looked.coming.union(makes))


def _make(entries: dict[str, Entry | Missing], action: Action) -> None:
    if isinstance(action, Put):
        entries[action.path] = merge(entries.get(action.path, action.before), action.after)
    elif isinstance(action, WriteFile):
        entries[action.path] = merge(entries.get(action.path, ABSENT), Entry(kind="file", content=action.content))
    elif isinstance(action, RemoveFile):
        entries[action.path] = ABSENT
    elif isinstance(action, Rename):
        entries[action.target] = entries.pop(action.path, ABSENT)
        entries[action.path] = ABSENT
    elif isinstance(action, SetMode):
        _touch(entries, action.path, Entry(kind="file", mode=action.mode))
    elif isinstance(action, SetOwner):
        _touch(entries, action.path, Entry(kind="file", uid=action.uid, gid=action.gid))


def _touch(entries: dict[str, Entry | Missing], path: str, wished: Entry) -> None:
    there = entries.get(path)
    if isinstance(there, Entry):
        entries[path] = merge(there, replace(wished, kind=there.kind))


def merge(there: Entry | Missing, wished: Entry) -> Entry:
    """What lies there once this was put: what the wish leaves open stays, of something of the same kind."""
    if isinstance(there, Missing) or there.kind != wished.kind:
        return wished
    made = replace(there)
    for name in ("content", "attributes"):
        if getattr(wished, name) is not None:
            made = replace(made, **{name: getattr(wished, name)})
    for name in ("mode", "uid", "gid", "modified_ns"):
        if getattr(wished, name) >= 0:
            made = replace(made, **{name: getattr(wished, name)})
    return replace(made, target=wished.target or made.target)
