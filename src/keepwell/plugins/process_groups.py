"""ProcessGroups: the processes that matter with their children, followed as they come, go and begin anew.

Only what is new in /proc is read. A watched process that is gone is followed to the one that took its place: a new one
with the very same arguments, as a supervisor starts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepwell.core.errors import AccessError
from keepwell.formats.process_load import parse_process_load
from keepwell.plugins.collector import Sight

#: Processes of one group; an engine with eight GPUs has some dozens.
MEMBERS = 128
#: Listings of /proc in which a process counts as new: one that takes another's place is seen by then.
LATELY = 3
#: Bytes of an argument list that are compared.
ARGUMENT_BYTES = 4096


@dataclass(slots=True)
class Group:
    """The processes of one engine or container. `roots` are those that were found; `members` with all children; `lost`
    tells that all or some of the roots are gone and nothing has taken their place.
    """

    subject: str
    roots: set[int] = field(default_factory=set)
    members: list[int] = field(default_factory=list)
    arguments: set[bytes] = field(default_factory=set)
    restarts: int = 0
    lost: bool = False


class ProcessGroups:
    """`refresh` costs one listing of /proc, and a read for each process that is new."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self._parents: dict[int, int] = {}
        self._watched: Mapping[int, str] = {}
        self._lately: list[list[int]] = []

    def follows(self, watched: Mapping[int, str]) -> bool:
        """True if these are what the groups were made of."""
        return self._watched == watched

    def refresh(self, sight: Sight) -> None:
        """Look for processes that came and went. Raises AccessError where /proc cannot be listed."""
        names = sight.names("/proc")
        now = {int(name) for name in names if name.isdecimal()}
        for pid in self._parents.keys() - now:
            del self._parents[pid]
        first = not self._parents
        fresh = [pid for pid in now if pid not in self._parents]
        for pid in fresh:
            self._take_in(pid, sight)
        if not first:  # whoever was there from the beginning has taken nobody's place
            self._lately = [*self._lately, fresh][-LATELY:]
        if sight.watched != self._watched:
            self._follow(sight.watched, now, sight)
        children = self._children()
        for group in self.groups.values():
            group.lost = group.lost or not group.roots <= now
            group.roots &= now
            if group.lost:
                self._find_successor(group, sight)
            group.members = _family(group.roots, children)

    def forget(self, pid: int) -> None:
        """Another process has this number now: it is looked at anew, and the old one is gone."""
        self._parents.pop(pid, None)
        for group in self.groups.values():
            if pid in group.roots:
                group.roots.discard(pid)
                group.lost = True

    def _take_in(self, pid: int, sight: Sight) -> None:
        try:
            self._parents[pid] = parse_process_load(sight.read(f"/proc/{pid}/stat")).parent
        except (AccessError, ValueError):
            self._parents.pop(pid, None)

    def _follow(self, watched: Mapping[int, str], now: set[int], sight: Sight) -> None:
        """Other processes matter from now on."""
        subjects = set(watched.values())
        self.groups = {subject: group for subject, group in self.groups.items() if subject in subjects}
        for subject in subjects:
            wanted = {pid for pid, text in watched.items() if text == subject and pid in now}
            group = self.groups.setdefault(subject, Group(subject))
            if wanted and not wanted & group.roots and (group.roots or group.lost):
                group.restarts += 1
            if wanted:
                group.roots, group.lost = wanted, False
                group.arguments = {one for one in (_arguments(pid, sight) for pid in wanted) if one}
        self._watched = dict(watched)

    def _find_successor(self, group: Group, sight: Sight) -> None:
        fresh = {pid for pids in self._lately for pid in pids if pid in self._parents} - set(group.members)
        heirs = {pid for pid in fresh if _arguments(pid, sight) in group.arguments}
        if heirs:
            group.roots |= heirs
            group.restarts += 1
            group.lost = False

    def _children(self) -> dict[int, list[int]]:
        """The processes that have children, with those."""
        found: dict[int, list[int]] = {}
        for pid, parent in self._parents.items():
            found.setdefault(parent, []).append(pid)
        return found


def _family(roots: set[int], children: Mapping[int, list[int]]) -> list[int]:
    """Processes and all their children, of all generations."""
    found: list[int] = []
    waiting = sorted(roots)
    while waiting and len(found) < MEMBERS:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, ())
    return found


def _arguments(pid: int, sight: Sight) -> bytes:
    """A process's arguments; empty where they cannot be told."""
    try:
        return sight.read(f"/proc/{pid}/cmdline", max_bytes=ARGUMENT_BYTES)
    except AccessError:
        return b""
