"""Copy a store to another folder of its node, pass after pass, while whoever serves from it goes on.

What lies in the copy under its own name is whole: it was read where it lay, written, read again from the disk, and got
its name last. So a copy that was broken off anywhere goes on by comparing the two folders, whatever the journal says.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from keepwell.conform.ledger import COPY, Ledger, is_copy
from keepwell.conform.models.tree import Lacking, Thing, Tree, compare, find_conflict, is_part, walk
from keepwell.core.entry import ABSENT, Entry
from keepwell.core.errors import AccessError, NotThere
from keepwell.core.run import Item, ItemState
from keepwell.transport.base import CopiesFiles, ExactHands

#: Bytes from which a file is an item of the run of its own; the many small ones together are one.
ITEM_BYTES = 1024 * 1024
SMALL_KEY, FILE_KEY = f"{COPY}small files", COPY + "./{path}"
#: Files copied at once: more only make a disk seek.
AT_ONCE = 4
#: Bytes a second of the slowest disk that is worth waiting for (read, written and read again), and seconds beside.
SLOWEST_BYTES, PATIENCE_SECONDS = 1_000_000, 120.0
#: Passes until two folders must be the same: what is fetched meanwhile is less each time.
PASSES = 10
#: Seconds for a second name of a file.
LINK_SECONDS = 10.0


@runtime_checkable
class MovingHands(ExactHands, CopiesFiles, Protocol):
    """What is needed of a way to a node."""


@dataclass(slots=True, kw_only=True)
class Mover:
    """Copies `source` to `target`. `rate` is bytes a second at most, 0 for as fast as it goes; `tell` hears the bytes
    of each piece. `digests` are those of the files that were copied so far, by their paths.
    """

    source: str
    target: str
    hands: MovingHands
    ledger: Ledger
    rate: float
    tell: Callable[[int], None]
    digests: dict[str, str] = field(default_factory=dict)
    files: int = 0
    bytes_copied: int = 0

    async def run(self) -> Tree:
        """Copy until both folders are the same; what lies there then. Raises AccessError, also where something
        is fetched into the store all the time.
        """
        changing: tuple[str, ...] = ()
        for _ in range(PASSES):
            tree, lacking = await self._compare()
            if lacking.nothing:
                self._finish()
                return tree
            changing = await self._pass(lacking)
        hint = "wait until nothing is fetched any more; the same command goes on then"
        raise AccessError(f"it does not come to rest: {', '.join(changing[:3])}", where=self.source, hint=hint)

    async def catch_up(self, aside: str) -> int:
        """Bring after what came into the old folder, which lies at `aside` now, at its last moment; how many files.
        What came into the copy since stays.
        """
        tree, there = await walk(aside, self.hands), await walk(self.target, self.hands)
        lacking, before = compare(tree, there), self.files
        fresh = tuple(one for one in lacking.files if _is_newer(one, there))
        self.source = aside
        await self._pass(Lacking(folders=lacking.folders, links=(), files=fresh, gone=()))
        return self.files - before

    async def _compare(self) -> tuple[Tree, Lacking]:
        tree = await walk(self.source, self.hands)
        try:
            there = await walk(self.target, self.hands)
        except NotThere:
            there = Tree(root=self.target, things={})
        conflict = find_conflict(tree, there)
        if conflict:
            raise AccessError("something else lies there", where=posixpath.join(self.target, conflict))
        lacking = compare(tree, there)
        gone = tuple(one for one in lacking.gone if one.path in self.digests or is_part(one.path))
        return tree, replace(lacking, gone=gone)

    async def _pass(self, lacking: Lacking) -> tuple[str, ...]:
        """Do once what is to do; the files that changed meanwhile."""
        for one in lacking.gone:
            await self._remove(one)
        for one in lacking.folders:
            await self.hands.put(self._there(one), _entry_of(one))
        for one in lacking.links:
            await self._link(one)
        alone = deque(one for one in lacking.files if not one.twin)
        changed: list[str] = []

        async def work() -> None:
            while alone:
                await self._copy(alone.popleft(), changed)

        count = min(self._at_once(), len(alone))
        await _all([work() for _ in range(count)])
        for one in lacking.files:
            if one.twin:
                await self._copy_twin(one, changed)
        return tuple(changed)

    def _at_once(self) -> int:
        if self.rate:
            return 1
        return min(AT_ONCE, self.hands.cores)

    async def _copy(self, one: Thing, changed: list[str]) -> None:
        """Copy a file; one that somebody writes or removes meanwhile is for the next pass."""
        key = _key_of(one)
        self._move(key, "begun")
        slowest = min(filter(None, (self.rate, SLOWEST_BYTES)))
        try:
            made = await self.hands.copy(
                self._here(one),
                self._there(one),
                bytes_per_second=self.rate,
                timeout_seconds=PATIENCE_SECONDS + 2 * one.size_bytes / slowest,
                tell=self.tell,
            )
        except AccessError as error:
            if not await self._has_changed(one):
                self._move(key, "failed", str(error))
                raise
            changed.append(one.path)
            return
        self.digests[one.path] = made
        self.files += 1
        self.bytes_copied += one.size_bytes
        if key != SMALL_KEY:
            self._move(key, "done", f"sha256:{made}")

    async def _copy_twin(self, one: Thing, changed: list[str]) -> None:
        """Another name of a file that was copied, if it really is that; else a file of its own."""
        first = posixpath.join(self.target, one.twin)
        seconds = PATIENCE_SECONDS + one.size_bytes / SLOWEST_BYTES
        try:
            wished = await self.hands.digest(self._here(one), "sha256", timeout_seconds=seconds, tell=_unheard)
            there = await self.hands.digest(first, "sha256", timeout_seconds=seconds, tell=_unheard)
        except NotThere:
            changed.append(one.path)
            return
        if wished != there:
            await self._copy(one, changed)
            return
        ran = await self.hands.run(("ln", "-f", first, self._there(one)), timeout_seconds=LINK_SECONDS)
        if ran.code:
            raise AccessError("no second name could be given", where=self._there(one), command="ln")
        self.files += 1
        self.digests[one.path] = wished
        self._move(_key_of(one), "begun")
        if _key_of(one) != SMALL_KEY:
            self._move(_key_of(one), "done", f"sha256:{wished}")

    async def _has_changed(self, one: Thing) -> bool:
        try:
            now = await self.hands.stat(self._here(one))
        except NotThere:
            return True
        return (now.size_bytes, now.modified_at) != (one.size_bytes, one.modified_at)

    async def _link(self, one: Thing) -> None:
        owner = await self.hands.entry(self._here(one), max_bytes=0)
        entry = Entry(kind="link", target=one.target, uid=owner.uid, gid=owner.gid, modified_ns=owner.modified_ns)
        await self.hands.put(self._there(one), entry)

    async def _remove(self, one: Thing) -> None:
        """A copy that was made just now of what is gone by now, or the rest of one that was broken off."""
        await self.hands.put(self._there(one), ABSENT)

    def _finish(self) -> None:
        """All items are done now, also those of files that went meanwhile, and that were done before a kill."""
        for item in self.ledger.run.items:
            if is_copy(item.key) and item.state not in ("done", "undoing", "undone"):
                self._move(item.key, "begun")
                self._move(item.key, "done", "it lies there whole")

    def _move(self, key: str, state: ItemState, detail: str = "") -> None:
        """Write it down, where the run has such an item: not of what came after it was begun."""
        known = {item.key: item for item in self.ledger.run.items}
        if key in known and known[key].state != "done":
            self.ledger.move(key, state, detail)

    def _here(self, one: Thing) -> str:
        return posixpath.join(self.source, one.path)

    def _there(self, one: Thing) -> str:
        return posixpath.join(self.target, one.path).rstrip("/")


def copy_items(files: Sequence[Thing]) -> tuple[Item, ...]:
    """The items of a run that copies these."""
    large = dict.fromkeys(_key_of(one) for one in files if one.size_bytes >= ITEM_BYTES)
    return (*(Item(key=key) for key in large), Item(key=SMALL_KEY))


def read_digests(items: Sequence[Item]) -> Mapping[str, str]:
    """The digests of the files that a run has copied, by the keys of its items."""
    return {one.key: one.detail.removeprefix("sha256:") for one in items if one.detail.startswith("sha256:")}


def _key_of(one: Thing) -> str:
    """Of its own for a large file, in letters that a journal can keep."""
    if one.size_bytes < ITEM_BYTES:
        return SMALL_KEY
    return FILE_KEY.format(path=one.path.encode("utf-8", "backslashreplace").decode("utf-8"))


def _entry_of(one: Thing) -> Entry:
    return Entry(kind="folder", mode=one.mode, uid=one.uid, gid=one.gid)


def _is_newer(one: Thing, there: Tree) -> bool:
    other = there.things.get(one.path)
    return other is None or one.modified_at > other.modified_at


def _unheard(count: int) -> None:
    """Second names are no more bytes."""


async def _all(work: Sequence[Coroutine[None, None, None]]) -> None:
    """All of it at once; where one fails, the others end before that is told."""
    if not work:
        return
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.wait(tasks)
