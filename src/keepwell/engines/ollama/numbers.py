"""Ollama as series: it has no page of metrics, so what `/api/ps` tells, and its log as it grows.

`/api/ps` touches no keep-alive timer and loads nothing; each question writes a line into Ollama's log, which is why it
is asked every ten seconds only. The log is read every two, or every ten where that takes a program (journalctl).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace

from keepwell.core.distribution import name_distribution
from keepwell.core.event import Event
from keepwell.core.observation import Missing, absent, unknown
from keepwell.core.ref import Ref
from keepwell.core.series import Reading, SeriesKey
from keepwell.core.text import escape_controls
from keepwell.engines.ollama.log_numbers import COUNTERS, Load, LogNumbers
from keepwell.engines.ollama.store import find_entries
from keepwell.engines.ollama.wire import list_loaded
from keepwell.plugins.engine import LoadedModel
from keepwell.plugins.log_tail import LogTail
from keepwell.plugins.own_numbers import OwnNumbers
from keepwell.plugins.place import LogSource, Site
from keepwell.transport.base import Transport

#: Seconds between two looks at the log if it is a file, and between two questions to the server.
LOG_SECONDS, ASK_SECONDS = 2.0, 10.0
#: Seconds after which the store is read again for the name of a weights file that was not in it.
STORE_SECONDS = 60.0
#: A time to leave that lies further off is "for ever" (it stands in the year 2319).
EVER_SECONDS = 50 * 365 * 86_400.0
#: Series of the log, and of `/api/ps`.
LOGGED = (
    *COUNTERS,
    name_distribution("engine.end_to_end").bucket,
    *("model.load_seconds", "model.layers", "model.gpu_layers", "model.input_progress_ratio"),
)
ASKED = (
    "engine.models_loaded",
    *("model.loaded_bytes", "model.gpu_bytes", "model.gpu_ratio", "model.context_tokens", "model.expires_seconds"),
)
#: Characters of a digest that name a model whose name is not known.
DIGEST_CHARACTERS = 19


class OllamaTeller:
    """Asks one server and follows its log. `store` is its folder of models, "" if not known."""

    def __init__(self, site: Site, sources: Iterable[LogSource], store: str) -> None:
        self.every_seconds = LOG_SECONDS
        self._site = site
        self._tail = LogTail(tuple(sources))
        self._log = LogNumbers(source=f"log of {site.ref}")
        self._store = store
        self._names: dict[str, str] = {}
        self._stored_at = 0.0
        self._asked_at = 0.0
        self._begun = False
        self._known: set[SeriesKey] = set()

    async def ask(self, transport: Transport, at: float) -> OwnNumbers:
        """The log, and every few looks `/api/ps`."""
        readings: list[Reading] = []
        events = await self._read_log(transport, at, readings)
        answered = True
        if not 0 <= at - self._asked_at < ASK_SECONDS:
            self._asked_at = at
            answered = await self._ask_loaded(transport, at, readings)
        return OwnNumbers(readings=readings, events=events, answered=answered)

    async def _read_log(self, transport: Transport, at: float, readings: list[Reading]) -> tuple[Event, ...]:
        lines = await self._tail.read(transport)
        self.every_seconds = {True: ASK_SECONDS, False: LOG_SECONDS}[self._tail.dear]
        subject = str(self._site.ref)
        if isinstance(lines, Missing):
            readings += [(key, lines) for key, _ in self._log.readings(subject)]
            return ()
        # A first look may hold a quarter of a megabyte; others have the loop meanwhile.
        await asyncio.to_thread(self._log.read, lines, at)
        if not self._begun:
            self._log.begin_counting()
            self._begun = True
        readings += self._log.readings(subject)
        await self._learn_names(transport, at)
        for load in self._log.loads.values():
            readings += self._load_readings(load)
        readings += self._progress()
        return tuple(replace(one, about=self._name(one.about)) for one in self._log.take_events())

    def _load_readings(self, load: Load) -> Iterator[Reading]:
        subject = self._model(self._name(load.path))
        yield SeriesKey("model.load_seconds", subject), load.seconds
        if load.placement is None:
            reason = absent("the log of the load does not tell layers")
            yield SeriesKey("model.layers", subject), reason
            yield SeriesKey("model.gpu_layers", subject), reason
            return
        yield SeriesKey("model.layers", subject), float(load.placement.layers)
        yield SeriesKey("model.gpu_layers", subject), float(load.placement.gpu_layers)

    def _progress(self) -> Iterator[Reading]:
        """Of the newest load only: the lines of several children cannot be told apart."""
        if not self._log.newest:
            return
        key = SeriesKey("model.input_progress_ratio", self._model(self._name(self._log.newest)))
        if self._log.progress is None:
            yield key, absent("no prompt is being computed, or this release does not log how far it is")
        else:
            yield key, self._log.progress

    async def _ask_loaded(self, transport: Transport, at: float, readings: list[Reading]) -> bool:
        loaded = await list_loaded(self._site, transport)
        count = SeriesKey("engine.models_loaded", str(self._site.ref))
        if isinstance(loaded, Missing):
            readings += [(key, loaded) for key in (count, *sorted(self._known))]
            return False
        readings.append((count, float(len(loaded))))
        seen = [reading for one in loaded for reading in self._loaded_readings(one, at)]
        keys = {key for key, _ in seen}
        gone = absent("it is not in memory")
        readings += [*seen, *((key, gone) for key in sorted(self._known - keys))]
        self._known = keys
        return True

    def _loaded_readings(self, one: LoadedModel, at: float) -> Iterator[Reading]:
        subject = self._model(one.name)
        yield SeriesKey("model.loaded_bytes", subject), float(one.size_bytes)
        gpu, ratio = one.gpu_bytes, SeriesKey("model.gpu_ratio", subject)
        if isinstance(gpu, Missing):
            yield SeriesKey("model.gpu_bytes", subject), gpu
            yield ratio, gpu
        else:
            yield SeriesKey("model.gpu_bytes", subject), float(gpu)
            yield ratio, gpu / one.size_bytes if one.size_bytes else absent("its size is not told")
        context = float(one.context_tokens) if one.context_tokens else absent("told by 0.10 and later only")
        yield SeriesKey("model.context_tokens", subject), context
        yield SeriesKey("model.expires_seconds", subject), _left(one, at)

    async def _learn_names(self, transport: Transport, at: float) -> None:
        """Which model each weights file belongs to, by the manifests of the store; seldom, and only if one is new."""
        new = [path for path in (*self._log.loads, self._log.loading) if path and _digest(path) not in self._names]
        if not new or (self._stored_at and at - self._stored_at < STORE_SECONDS):
            return
        self._stored_at = at
        folder = self._store or new[0].partition("/blobs/")[0]
        entries = await find_entries(folder, transport)
        if isinstance(entries, Missing):
            return
        for entry in entries:
            if entry.role == "weights" and entry.model:
                self._names.setdefault(_digest(entry.path), entry.model)

    def _name(self, path: str) -> str:
        return self._names.get(_digest(path)) or _digest(path)[:DIGEST_CHARACTERS] or "unknown"

    def _model(self, name: str) -> str:
        return str(Ref("model", (*self._site.ref.path, escape_controls(name))))


def _digest(path: str) -> str:
    return path.rpartition("/")[2].replace(":", "-")


def _left(one: LoadedModel, at: float) -> float | Missing:
    if not one.expires_at:
        return unknown("not told")
    left = one.expires_at - at
    if left > EVER_SECONDS:
        return absent("it stays for ever")
    return max(0.0, left)
