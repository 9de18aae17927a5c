"""Give the serving user its models folder back: least change of owner, group and mode, path by path.

Folders above the models folder only need to be searched; the folder and those in it must be read, searched
and written; files must be read. What is missing is given to the owner if the user is the owner, to the group
if the user is in it; else root's things become the user's, and other people's things get the user's group.
Nothing is ever opened for writing to everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from keepwell.core.finding import Finding
from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Plan, SetMode, SetOwner
from keepwell.core.values import row_of, text_of
from keepwell.formats.permissions import READ, SEARCH, WRITE, User, lacks, with_bits
from keepwell.plugins.step import Step, Wants

ROOT = 0
#: Every capability that lets root in anywhere (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, capabilities(7)).
ALL_FILES = 0b110


@dataclass(frozen=True, slots=True)
class _Item:
    """A folder or file as it is, or as it would be."""

    path: str
    uid: int
    gid: int
    mode: int
    folder: bool

    def lacks(self, user: User, rights: int) -> int:
        """The rights among these that the user does not have."""
        return lacks(user, rights, owner=(self.uid, self.gid), mode=self.mode, folder=self.folder)

    def granting(self, user: User, rights: int) -> _Item:
        """The same with these rights in the class that the user falls in."""
        return replace(self, mode=with_bits(user, rights, owner=(self.uid, self.gid), mode=self.mode))


@dataclass(frozen=True, slots=True)
class _Need:
    """Rights that the user needs on a path; `own` if the path is the engine's own (in its models folder)."""

    rights: int
    own: bool


class _ModelsFolderAccess:
    """The step; it holds no state."""

    title = "Give the serving user its models folder back"
    mends: tuple[str, ...] = ("store.readable",)

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """Everything in the models folder, the path that the check named, and all folders above."""
        store = _store(finding, seen)
        named = finding.facts.get("path", "")
        return Wants(paths=_known(store, named), trees=_known(store))

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """One change for each owner or mode that keeps the user out; None without a user or a folder."""
        user = _user(finding, seen)
        store = _real(seen, finding.subject.node, _store(finding, seen))
        if user is None or not store:
            return None
        changes: list[Change] = []
        for item, need in _needs(seen, finding.subject.node, store):
            changes += _changes(finding.subject.node, item, user, need)
        return Plan(
            step="models_folder_access",
            check=finding.check,
            subject=finding.subject,
            why=finding.message,
            changes=tuple(changes),
            note="The engine notices at its next access; start it again only after this is done.",
        )


def _store(finding: Finding, seen: Seen) -> str:
    """The models folder, from what the store probe saw; the path that the check named without that."""
    store = row_of(seen.value(finding.subject, "engine.store"))
    return text_of(store, "path") or finding.facts.get("path", "")


def _user(finding: Finding, seen: Seen) -> User | None:
    store = row_of(seen.value(finding.subject, "engine.store"))
    process = row_of(seen.value(finding.subject, "engine.process"))
    uid = finding.facts.get("uid", "") or text_of(store, "uid") or text_of(process, "uid")
    gid = finding.facts.get("gid", "") or text_of(store, "gid") or text_of(process, "gid")
    if not (uid.isdecimal() and gid.isdecimal()):
        return None
    groups = [int(word) for word in finding.facts.get("groups", "").split() if word.isdecimal()]
    name = finding.facts.get("user", "") or text_of(store, "user")
    everywhere = ALL_FILES * (int(uid) == ROOT)
    return User(name=name, uid=int(uid), gid=int(gid), groups=frozenset({int(gid), *groups}), capabilities=everywhere)


def _needs(seen: Seen, node: str, store: str) -> Iterable[tuple[_Item, _Need]]:
    """Each path with what the user needs there."""
    folder = PurePosixPath(store)
    for path, row in sorted(_stats(seen, node).items()):
        item = _Item(
            path, _number(row, "uid"), _number(row, "gid"), _number(row, "mode"), row.get("kind") == "directory"
        )
        inside = PurePosixPath(path).is_relative_to(folder)
        if row.get("kind") == "directory" and inside:
            yield item, _Need(READ | WRITE | SEARCH, own=True)
        elif row.get("kind") == "directory":
            yield item, _Need(SEARCH, own=False)
        elif row.get("kind") == "file" and inside:
            yield item, _Need(READ, own=True)


def _changes(node: str, item: _Item, user: User, need: _Need) -> Iterable[Change]:
    """Owner first: changing it may clear bits of the mode."""
    if not item.lacks(user, need.rights):
        return
    wished = _granted(item, user, need)
    if (wished.uid, wished.gid) != (item.uid, item.gid):
        yield Change(
            subject=Ref("path", (node, item.path)),
            what="owner",
            before=f"{item.uid}:{item.gid}",
            after=f"{wished.uid}:{wished.gid}",
            do=SetOwner(path=item.path, uid=wished.uid, gid=wished.gid),
            undo=SetOwner(path=item.path, uid=item.uid, gid=item.gid),
        )
    if wished.mode != item.mode:
        yield Change(
            subject=Ref("path", (node, item.path)),
            what="mode",
            before=f"{item.mode:04o}",
            after=f"{wished.mode:04o}",
            do=SetMode(path=item.path, mode=wished.mode),
            undo=SetMode(path=item.path, mode=item.mode),
        )


def _granted(item: _Item, user: User, need: _Need) -> _Item:
    """The item with the least change that gives the user its rights."""
    if item.uid == user.uid or item.gid in user.groups:
        return item.granting(user, need.rights)
    if need.own and item.uid == ROOT:
        return replace(item, uid=user.uid).granting(user, need.rights)
    nobody_loses = not item.mode & 0o070
    if need.own or nobody_loses:
        return replace(item, gid=user.gid).granting(user, need.rights)
    return item.granting(user, need.rights)


def _stats(seen: Seen, node: str) -> dict[str, Mapping[str, Value]]:
    """Everything that was looked at freshly and is there, by path."""
    rows = {one.subject.name: row_of(one.value) for one in seen.named("path.stat") if one.subject.node == node}
    return {path: row for path, row in rows.items() if row}


def _real(seen: Seen, node: str, path: str) -> str:
    """Where the path leads if it is a link, as it was looked at."""
    return text_of(_stats(seen, node).get(path, {}), "target") or path


def _number(row: Mapping[str, Value], key: str) -> int:
    value = row.get(key, 0)
    if isinstance(value, int):
        return value
    return 0


def _known(*paths: str) -> tuple[str, ...]:
    return tuple(path for path in paths if path.startswith("/"))


STEP: Step = _ModelsFolderAccess()
