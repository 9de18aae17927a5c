"""One receiver of numbers: sends the newest, keeps what could not be sent, and never sends a number twice."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

import msgspec

from keepwell.config import load_secret
from keepwell.config.sink_model import SinkEntry
from keepwell.core.errors import AccessError, KeepwellError
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.plugins.registry import load
from keepwell.plugins.sink import Message, Sink
from keepwell.store.spool import Spool
from keepwell.telemetry.table import Table
from keepwell.transport.base import Transport

#: Seconds for one request; and messages that are sent one after another once a receiver is back, so that it is not
#: drowned: at one look every 15 s an hour of waiting is sent in two minutes.
SEND_SECONDS, AT_ONCE = 10.0, 32
#: Bytes of an answer that are read: only its status matters.
ANSWER_BYTES = 64 * 1024
#: Seconds that a receiver may ask to be left alone, at most.
LONGEST_SECONDS = 300.0
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Outlet:
    """`problem` says why the last message was not taken, "" while all is well; since when stands in `failing_since`
    (seconds since the epoch, 0 for not at all). `taken`, `refused` and `lost` are messages.
    """

    def __init__(self, entry: SinkEntry, folder: Path) -> None:
        self.entry = entry
        self.problem = ""
        self.failing_since = 0.0
        self.taken = self.refused = 0
        self._sink = cast(Sink, load("sinks", entry.kind))
        self._folder = folder
        self._spool: Spool | None = None
        self._sent: dict[SeriesKey, float] = {}
        self._due = 0.0
        self._quiet_until = 0.0

    @property
    def lost(self) -> int:
        """Messages that had to make room."""
        if self._spool is None:
            return 0
        return self._spool.lost

    @property
    def waiting(self) -> tuple[int, int]:
        """Messages that wait, and their bytes."""
        if self._spool is None:
            return 0, 0
        return len(self._spool), self._spool.size_bytes

    def is_due(self, now: float) -> bool:
        """Whether it is time to send; `now` in seconds since the epoch."""
        return now >= self._due

    async def send(self, table: Table, transport: Transport, now: float) -> None:
        """Send what is new, behind what waits already. Raises nothing but bugs: what is wrong stands in `problem`."""
        self._due = now + self.entry.every_seconds
        batches = self._newest(table)
        try:
            if self._spool is None:
                self._spool = await asyncio.to_thread(Spool, self._folder)
            spool = self._spool
            message = await asyncio.to_thread(self._sink.render, batches)
            if message is not None and (len(spool) or now < self._quiet_until):
                await asyncio.to_thread(spool.add, _encode(message))
                message = None
            if now >= self._quiet_until:
                await self._drain(spool, transport, now)
                if message is not None and not await self._post(transport, message, now):
                    await asyncio.to_thread(spool.add, _encode(message))
        except KeepwellError as error:
            self._note(str(error), now)

    def _newest(self, table: Table) -> list[Batch]:
        """Numbers that are newer than those that were sent, by node and instant."""
        found: dict[tuple[str, float], list[Reading]] = {}
        sent: dict[SeriesKey, float] = {}
        for key, track in table.tracks():
            if self.entry.only and not key.metric.startswith(self.entry.only):
                continue
            before = sent[key] = self._sent.get(key, 0.0)
            if track.at > before and not isinstance(track.value, Missing):
                found.setdefault((_node_of(key), track.at), []).append((key, track.value))
                sent[key] = track.at
        self._sent = sent
        return [Batch(node=node, at=at, readings=readings) for (node, at), readings in found.items()]

    async def _drain(self, spool: Spool, transport: Transport, now: float) -> None:
        for _ in range(min(AT_ONCE, len(spool))):
            content = await asyncio.to_thread(spool.first)
            if content is None:
                return
            try:
                message = _decode(content)
            except (msgspec.DecodeError, msgspec.ValidationError):
                message = None  # another release wrote it otherwise
            if message is not None and not await self._post(transport, message, now):
                return
            await asyncio.to_thread(spool.drop)

    async def _post(self, transport: Transport, message: Message, now: float) -> bool:
        """True where it is done with: taken, or refused for good."""
        headers = {**self.entry.headers, **message.headers, **self._login()}
        url = self.entry.url + message.path
        try:
            reply = await transport.http(
                message.method,
                url,
                headers=headers,
                body=message.body,
                timeout_seconds=SEND_SECONDS,
                max_bytes=ANSWER_BYTES,
            )
        except AccessError as error:
            self._note(str(error), now)
            return False
        verdict = self._sink.judge(reply.status)
        if verdict == "taken":
            self.taken += 1
            self.problem, self.failing_since = "", 0.0
            return True
        said = reply.body[:200].decode("utf-8", "replace").strip()
        self._note(f"{url} answered HTTP {reply.status}: {said}".removesuffix(": "), now)
        if verdict == "later":
            self._quiet_until = now + _seconds(reply.headers)
            return False
        self.refused += 1
        return True

    def _login(self) -> Mapping[str, str]:
        """Raises ConfigurationError where the secret is not there."""
        secret = load_secret(self.entry.secret, os.environ)
        if self.entry.user:
            word = base64.b64encode(f"{self.entry.user}:{secret}".encode()).decode()
            return {"authorization": f"Basic {word}"}
        if secret:
            return {"authorization": f"Bearer {secret}"}
        return {}

    def _note(self, problem: str, now: float) -> None:
        self.problem = problem
        self.failing_since = self.failing_since or now


def _node_of(key: SeriesKey) -> str:
    try:
        return Ref.parse(key.subject).node
    except ValueError:
        return ""


def _seconds(headers: Mapping[str, str]) -> float:
    """How long the receiver wants to be left alone; it may say a date instead, which is passed over."""
    said = headers.get("retry-after", "")
    if said.isascii() and said.isdecimal():
        return min(float(said[:9]), LONGEST_SECONDS)
    return 0.0


def describe(outlets: Iterable[Outlet], here: str) -> list[Reading]:
    """How they are doing, as readings about this node."""
    found: list[Reading] = []
    about = f"node:{here}"
    for one in outlets:
        which = ("sink", one.entry.name)
        waiting, size = one.waiting
        found.append((SeriesKey("hub.sink_up", about, (which,)), float(not one.problem)))
        found.append((SeriesKey("hub.sink_waiting", about, (which,)), float(waiting)))
        found.append((SeriesKey("hub.sink_waiting_bytes", about, (which,)), float(size)))
        for outcome, number in (("lost", one.lost), ("refused", one.refused), ("taken", one.taken)):
            found.append((SeriesKey("hub.sink_messages_total", about, (("outcome", outcome), which)), float(number)))
    return found
