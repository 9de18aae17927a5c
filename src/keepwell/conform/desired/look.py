"""Look at what wishes need, everything at once: over a slow way many questions cost as much as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from keepwell.conform.hands import get_exact
from keepwell.core.entry import Entry
from keepwell.core.errors import AccessError, NotThere, RefusedError
from keepwell.core.observation import Missing
from keepwell.plugins.wish import Looked, Needs
from keepwell.transport.base import Ran, Reply, Stat, Transport

#: Times that a step may need more after what it has seen.
ROUNDS = 3
#: Paths below one tree that are looked at; a models folder has a few hundred.
TREE_PATHS = 20_000
#: Seconds for a command that only looks; package managers take a few.
COMMAND_SECONDS = 20.0

T = TypeVar("T")
K = TypeVar("K")


class Asks(Protocol):
    """What one wish needs, given what was seen so far."""

    def __call__(self, looked: Looked, /) -> Needs:
        """Pure."""
        ...


async def look(asks: Iterable[Asks], hands: Transport) -> Looked:
    """Everything that all of them need, each thing once. What cannot be looked at is Missing; no connection raises
    AccessError only where nothing at all can be told.
    """
    wanting = tuple(asks)
    eyes = _Eyes(hands)
    for _ in range(ROUNDS):
        needs = [one(eyes.looked) for one in wanting]
        if not await eyes.see(needs):
            break
    return eyes.looked


@dataclass(slots=True)
class _Found:
    """What was seen, growing."""

    entries: dict[str, Entry | Missing] = field(default_factory=dict)
    names: dict[str, tuple[str, ...] | Missing] = field(default_factory=dict)
    trees: dict[str, Mapping[str, Stat] | Missing] = field(default_factory=dict)
    ran: dict[tuple[str, ...], Ran | Missing] = field(default_factory=dict)
    replies: dict[str, Reply | Missing] = field(default_factory=dict)


class _Eyes:
    """Looks at each thing once."""

    def __init__(self, hands: Transport) -> None:
        self._hands = hands
        self._found = _Found()

    @property
    def looked(self) -> Looked:
        """All of it."""
        found = self._found
        return Looked(
            node=self._hands.name,
            entries=found.entries,
            names=found.names,
            trees=found.trees,
            ran=found.ran,
            replies=found.replies,
        )

    async def see(self, needs: Iterable[Needs]) -> bool:
        """Look at what is new in these; whether anything was."""
        found, wanted = self._found, tuple(needs)
        work = [
            *_new(found.entries, (path for one in wanted for path in one.paths), self._entry),
            *_new(found.names, (path for one in wanted for path in one.folders), self._hands.list),
            *_new(found.trees, (path for one in wanted for path in one.trees), self._tree),
            *_new(found.ran, (argv for one in wanted for argv in one.commands), self._run),
            *_new(found.replies, (url for one in wanted for url in one.urls), self._get),
        ]
        await asyncio.gather(*work)
        return bool(work)

    async def _entry(self, path: str) -> Entry:
        return await get_exact(self._hands).entry(path)

    async def _run(self, argv: tuple[str, ...]) -> Ran:
        return await self._hands.run(argv, timeout_seconds=COMMAND_SECONDS)

    async def _get(self, url: str) -> Reply:
        return await self._hands.http("GET", url)

    async def _tree(self, path: str) -> Mapping[str, Stat]:
        """Every path below, links not followed; what cannot be read inside is left out but for its own place."""
        found = {path: await self._hands.stat(path, follow=False)}
        folders = [path]
        while folders and len(found) < TREE_PATHS:
            level = await asyncio.gather(*map(self._children, folders))
            paths = [one for children in level for one in children][: TREE_PATHS - len(found)]
            stats = await asyncio.gather(*map(self._stat, paths))
            found |= {one: stat for one, stat in zip(paths, stats, strict=True) if stat is not None}
            folders = [one for one, stat in zip(paths, stats, strict=True) if stat and stat.kind == "directory"]
        return found

    async def _children(self, folder: str) -> tuple[str, ...]:
        try:
            return tuple(str(PurePosixPath(folder) / name) for name in await self._hands.list(folder))
        except AccessError:
            return ()

    async def _stat(self, path: str) -> Stat | None:
        try:
            return await self._hands.stat(path, follow=False)
        except AccessError:
            return None


def _new(found: dict[K, T | Missing], wanted: Iterable[K], ask: Callable[[K], Awaitable[T]]) -> list[Awaitable[None]]:
    fresh = [one for one in dict.fromkeys(wanted) if one not in found]
    return [_keep(found, one, ask) for one in fresh]


async def _keep(found: dict[K, T | Missing], one: K, ask: Callable[[K], Awaitable[T]]) -> None:
    try:
        found[one] = await ask(one)
    except NotThere as error:
        found[one] = Missing(kind="absent", reason=str(error))
    except (AccessError, RefusedError) as error:
        found[one] = Missing(kind="failed", reason=str(error))
