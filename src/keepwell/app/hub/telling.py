"""The hub's duty of telling: what is new in the state folder becomes events for those who listen. Nobody: no work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from keepwell.app.alerting.reports import list_alerts
from keepwell.app.applying.runs import make_line
from keepwell.app.hub.duty import Hub
from keepwell.app.operation import Caller
from keepwell.app.plain import document, plain
from keepwell.core.errors import AccessError, DamagedError, RefusedError
from keepwell.store import alert_desk, alert_state
from keepwell.store.journal import load_run
from keepwell.store.proposals import FOLDER_NAME, load_proposal

#: Requests told at once; more of them are told the second after.
REQUESTS = 100
#: Runs and proposals looked at: the newest; more are not kept, or are old.
FILES = 1000
#: Why a file gives no event: it went, or is none of ours; commands that list them tell of it.
UNREADABLE = (AccessError, DamagedError, RefusedError)
#: What tells that a file is another one: when it was changed (nanoseconds), and its bytes.
Stamp: TypeAlias = tuple[int, int]
#: An event: its topic and what it tells.
Event: TypeAlias = tuple[str, dict[str, Any]]


@dataclass(slots=True)
class _Known:
    """What was told already; the first look only remembers."""

    request: int
    runs: Mapping[str, Stamp]
    proposals: Mapping[str, Stamp]
    alerts: tuple[Stamp, ...] = ()
    last_alerts: dict[str, Any] = field(default_factory=dict)


class Telling:
    """Tells new requests, runs and proposals that changed, and alerts."""

    name = "telling"
    every_seconds = 1.0

    def __init__(self) -> None:
        self._known: _Known | None = None

    async def do(self, hub: Hub, now: float) -> None:
        """See what is new, if anybody listens. Raises AccessError, DamagedError where it cannot be read."""
        if not hub.bus.heard:
            self._known = None
            return
        if self._known is None:
            self._known = await asyncio.to_thread(_begin, hub)
        for topic, data in await asyncio.to_thread(_look, hub, self._known, now):
            hub.bus.tell(topic, data, now)

    async def close(self) -> None:
        """Nothing is to be kept."""


def _begin(hub: Hub) -> _Known:
    return _Known(
        request=hub.requests.last_number(),
        runs=_stamps(hub.state / "runs", "*.run"),
        proposals=_stamps(hub.state / FOLDER_NAME, "*.json"),
    )


def _look(hub: Hub, known: _Known, now: float) -> list[Event]:
    return [
        *_new_requests(hub, known),
        *_changed_runs(hub.state, known),
        *_changed_proposals(hub.state, known, now),
        *_changed_alerts(hub, known),
    ]


def _new_requests(hub: Hub, known: _Known) -> Iterator[Event]:
    """Rows without texts, each with its number in the log."""
    for number, row in hub.requests.after(known.request, REQUESTS):
        known.request = number
        yield "requests", {"number": number, **plain(row)}


def _changed_runs(state: Path, known: _Known) -> Iterator[Event]:
    found = _stamps(state / "runs", "*.run")
    changed = [name for name, stamp in found.items() if known.runs.get(name) != stamp]
    known.runs = found
    for name in changed:
        try:
            yield "runs", plain(make_line(load_run(state, name.rpartition(".")[0])))
        except UNREADABLE:
            continue


def _changed_proposals(state: Path, known: _Known, now: float) -> Iterator[Event]:
    found = _stamps(state / FOLDER_NAME, "*.json")
    changed = [name for name, stamp in found.items() if known.proposals.get(name) != stamp]
    known.proposals = found
    for name in changed:
        try:
            yield "proposals", plain(load_proposal(state, name.rpartition(".")[0], now))
        except UNREADABLE:
            continue


def _changed_alerts(hub: Hub, known: _Known) -> Iterator[Event]:
    """All that lasts, when anything of it changed: not each time that the same was decided again."""
    files = (alert_state.FILE_NAME, alert_desk.FILE_NAME)
    stamps = tuple(_stamp(hub.state / one) for one in files)
    if stamps == known.alerts:
        return
    known.alerts = stamps
    told = document(list_alerts(Caller(asked_by="hub", config=hub.config_path, state=hub.state)))
    new = {name: value for name, value in told.items() if name not in ("looked_at", "exit_code")}
    if new != known.last_alerts:
        known.last_alerts = new
        yield "alerts", told


def _stamps(folder: Path, pattern: str) -> dict[str, Stamp]:
    """Of the newest files in a folder; {} where there is none."""
    found = {path.name: _stamp(path) for path in folder.glob(pattern)}
    return dict(sorted(found.items(), key=_newest, reverse=True)[:FILES])


def _newest(row: tuple[str, Stamp]) -> Stamp:
    return row[1]


def _stamp(path: Path) -> Stamp:
    try:
        told = path.stat()
    except OSError:
        return 0, 0
    return told.st_mtime_ns, told.st_size
