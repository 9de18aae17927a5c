"""The live parts of all open pages: each is rendered once for all who look at it, and only what changed is sent."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import msgspec

from keepwell.app.hub.failing import describe_failure
from keepwell.app.hub.house import House
from keepwell.app.hub.visitor import Visitor
from keepwell.web.page import Part
from keepwell.web.pieces import Fragment, find_changes, split_fragment
from keepwell.web.rendering import render_part
from keepwell.web.table import load_table

#: Streams at once, parts of one, and characters of what stands after the colon of a part's name.
STREAMS, PARTS, ARGUMENT = 50, 8, 400
#: Seconds of silence after which a stream says that it is there.
SILENCE_SECONDS = 15.0
#: Tellings that wait for a slow reader; of more, all are thrown away and it is told the whole instead.
WAITING = 20
#: What begins a packed stream: the head of a gzip member without a name and a time.
GZIP_HEAD = struct.pack("<BBBBLBB", 0x1F, 0x8B, 8, 0, 0, 0, 255)
#: How hard to pack: each telling is packed once for all viewers.
LEVEL = 6
#: Before the first rendering.
EMPTY = Fragment("")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Telling:
    """Some events as they go out, plain and packed. A packed one needs nothing that came before it."""

    plain: bytes
    packed: bytes


@dataclass(slots=True, eq=False)
class Watcher:
    """One open stream. `behind` are parts of which it must be told the whole."""

    waiting: list[Telling] = field(default_factory=list)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    behind: set[str] = field(default_factory=set)

    def take(self, name: str, telling: Telling, *, whole: bool) -> None:
        """Keep it until it is sent."""
        if len(self.waiting) >= WAITING:
            self.waiting.clear()
            self.behind.add(name)
        if whole:
            self.behind.discard(name)
        if name not in self.behind:
            self.waiting.append(telling)
            self.woken.set()


@dataclass(slots=True, eq=False)
class Channel:
    """One part, for visitors of one right: rendered again and again while anybody looks at it."""

    name: str
    may_change: bool
    fragment: Fragment = EMPTY
    whole: Telling | None = None
    watchers: set[Watcher] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class Lives:
    """All of them, of one house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._channels: dict[tuple[str, bool], Channel] = {}
        self._watchers: set[Watcher] = set()
        self._told: set[str] = set()

    @property
    def full(self) -> bool:
        """True while no stream more is served."""
        return len(self._watchers) >= STREAMS

    async def stream(self, names: Sequence[str], visitor: Visitor, *, packed: bool) -> AsyncIterator[bytes]:
        """What changes in these parts, until the reader leaves. First the whole of each."""
        watcher = Watcher()
        self._watchers.add(watcher)
        joined = [self._join(name, watcher, visitor) for name in names]
        try:
            yield _choose(pack(b"retry: 2000\n\n"), packed=packed, first=True)
            while True:
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        await watcher.woken.wait()
                except TimeoutError:
                    yield _choose(pack(b": here\n\n"), packed=packed)
                watcher.woken.clear()
                told, watcher.waiting = watcher.waiting, []
                for one in told:
                    yield _choose(one, packed=packed)
        finally:
            self._watchers.discard(watcher)
            for channel in joined:
                self._leave(channel, watcher)

    def _join(self, name: str, watcher: Watcher, visitor: Visitor) -> Channel:
        key = name, visitor.may_change
        channel = self._channels.setdefault(key, Channel(*key))
        channel.watchers.add(watcher)
        if channel.whole is not None:
            watcher.take(name, channel.whole, whole=True)
        if channel.task is None:
            channel.task = asyncio.create_task(self._keep(channel), name=f"live {name}")
        return channel

    def _leave(self, channel: Channel, watcher: Watcher) -> None:
        channel.watchers.discard(watcher)
        if not channel.watchers and channel.task is not None:
            channel.task.cancel()
            self._channels.pop((channel.name, channel.may_change), None)

    async def _keep(self, channel: Channel) -> None:
        part = find_part(channel.name)
        assert part is not None
        while True:
            rendering = asyncio.create_task(render_part(self._house, channel.name, may_change=channel.may_change))
            await asyncio.wait((rendering,))
            error = rendering.exception()
            if error is None:
                self._tell(channel, split_fragment(rendering.result()))
            elif (why := describe_failure(error)) not in self._told:
                self._told.add(why)
                self._house.hub().tell(f"web: {channel.name} cannot be shown: {why}")
            await asyncio.sleep(part.every_seconds)

    def _tell(self, channel: Channel, new: Fragment) -> None:
        first = channel.whole is None
        changes = find_changes(channel.fragment, new)
        channel.fragment = new
        whole = channel.whole
        if changes is None or changes or first:
            whole = channel.whole = pack(_event(channel.name, {"whole": new.whole}))
        assert whole is not None
        telling = whole
        if changes and not first:
            telling = pack(_event(channel.name, {"pieces": changes}))
        for watcher in channel.watchers:
            if changes is None or first or channel.name in watcher.behind:
                watcher.take(channel.name, whole, whole=True)
            elif changes:
                watcher.take(channel.name, telling, whole=False)


def find_part(name: str) -> Part | None:
    """The part that is meant by `NAME` or `NAME:ARGUMENT`; None where there is none."""
    known, _, argument = name.partition(":")
    if len(argument) > ARGUMENT:
        return None
    return load_table().parts.get(known)


def pack(plain: bytes) -> Telling:
    """Also as a piece of a packed stream that any piece may follow: each ends on a whole byte and forgets what was."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Telling(plain, packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH))


def _event(name: str, told: dict[str, object]) -> bytes:
    return b"data: " + _encode({"part": name, **told}) + b"\n\n"


def _choose(one: Telling, *, packed: bool, first: bool = False) -> bytes:
    if not packed:
        return one.plain
    return GZIP_HEAD * first + one.packed
