"""The data plane's process: `python -m keepwell.gateway.serve STATE`. Needs nothing else that runs.

Says one line when it listens. The settings are read again when the file changes. TERM or INT: no new connection is
taken, what runs is finished within `GRACE_SECONDS`; a second one ends it at once.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

from keepwell.core.errors import KeepwellError
from keepwell.gateway.access import Access
from keepwell.gateway.deadlines import Deadlines
from keepwell.gateway.facts import Facts
from keepwell.gateway.gate import Gate
from keepwell.gateway.inbound import Inbound
from keepwell.gateway.own_paths import OwnPaths
from keepwell.gateway.recorder import Recorder
from keepwell.gateway.scheduler import Scheduler
from keepwell.gateway.settings import SETTINGS_FILE, Settings, load_settings
from keepwell.gateway.surface import Surface
from keepwell.plugins.dialect import Dialect
from keepwell.plugins.registry import load_all
from keepwell.plugins.routing import Policy
from keepwell.store.keys import FILE_NAME as KEYS_FILE
from keepwell.store.keys import Key, load_keys
from keepwell.store.requests import RECORD_FILE

#: Seconds for what runs when it is told to end, and between two looks at the settings file.
GRACE_SECONDS, LOOK_SECONDS = 600.0, 0.25
#: Connections that may wait to be accepted.
BACKLOG = 4096


class Plane:
    """The gateway with its socket."""

    def __init__(self, settings: Settings, recorder: Recorder) -> None:
        self._keys: tuple[Key, ...] = ()
        self._recorder = recorder
        dialects = cast("dict[str, Dialect]", load_all("dialects"))
        policies = cast("dict[str, Policy]", load_all("routing"))
        scheduler = Scheduler((), (), policies)
        self.own = OwnPaths(scheduler)
        self.gate = Gate(
            scheduler,
            Surface(dialects, self.own.answer),
            Access(),
            self._told,
            deadlines=Deadlines(
                first_byte_seconds=settings.first_byte_seconds,
                between_seconds=settings.between_seconds,
                total_seconds=settings.total_seconds,
            ),
            max_body_bytes=settings.max_body_bytes,
        )
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Go on by other settings; requests that run are not touched."""
        gate = self.gate
        gate.scheduler.replace(settings.replicas, settings.routes)
        now = gate.now()
        for name, station in gate.scheduler.stations.items():
            station.resident = frozenset(settings.resident.get(name, ()))
            if name in settings.well:
                station.breaker.looked(now)
        routes = {one.name: one for one in settings.routes}
        gate.surface.replace(routes, settings.offered, aliases=settings.aliases, default=settings.default)
        self._settings = settings
        self.admit(self._keys)

    def admit(self, keys: tuple[Key, ...]) -> None:
        """Go on with other keys, at once."""
        self._keys = keys
        settings = self._settings
        self.gate.access.replace(keys, frozenset(settings.hosts), required=settings.key_required)

    def make_client(self) -> Inbound:
        """The protocol of one more client."""
        return Inbound(self.gate, self.gate.now)

    def _told(self, facts: Facts) -> None:
        self.own.measures.count(facts)
        self._recorder.put(facts)


async def serve(state: Path) -> None:
    """Serve by the settings and keys in this state folder until told to end. Raises KeepwellError, OSError."""
    path = state / SETTINGS_FILE
    settings = load_settings(path)
    recorder = Recorder(state / RECORD_FILE)
    plane = Plane(settings, recorder)
    plane.admit(load_keys(state))
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, partial(_end, end, plane))
    listening = make_socket(settings.host, settings.port)
    server = await loop.create_server(plane.make_client, sock=listening, backlog=BACKLOG)
    print(f"listening on {settings.host}:{listening.getsockname()[1]}", flush=True)
    tasks = [loop.create_task(plane.gate.keep_time()), loop.create_task(_follow(state, plane))]
    tasks.append(loop.create_task(recorder.keep_writing()))
    await end.wait()
    server.close()
    await _finish(plane)
    for task in tasks:
        task.cancel()
    plane.gate.close()
    recorder.close()


def make_socket(host: str, port: int) -> socket.socket:
    """A socket that another gateway may share: so one is replaced by the next without a refused connection."""
    family = socket.AF_INET
    if ":" in host:
        family = socket.AF_INET6
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((host, port))
    made.setblocking(False)
    return made


def _end(end: asyncio.Event, plane: Plane) -> None:
    if end.is_set():
        for exchange in list(plane.gate.exchanges.values()):
            exchange.client_gone()
    end.set()


async def _finish(plane: Plane) -> None:
    """Wait for what runs."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_SECONDS):
            while plane.gate.exchanges:
                await asyncio.sleep(LOOK_SECONDS)


async def _follow(state: Path, plane: Plane) -> None:
    """Read settings and keys again when their file was replaced; a bad one changes nothing."""
    settings, keys = state / SETTINGS_FILE, state / KEYS_FILE
    known = {settings: _stamp(settings), keys: _stamp(keys)}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for path in (settings, keys):
            found = _stamp(path)
            if found == known[path]:
                continue
            known[path] = found
            with suppress(KeepwellError):
                if path == settings:
                    plane.apply(load_settings(path))
                else:
                    plane.admit(load_keys(state))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def main(arguments: list[str]) -> int:
    """Run it; 3 for settings that cannot be used or an address that cannot be listened on."""
    import uvloop

    try:
        uvloop.run(serve(Path(arguments[0])))
    except (KeepwellError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
