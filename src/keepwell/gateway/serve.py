"""The data plane's process: `python -m keepwell.gateway.serve STATE [DESCRIPTOR]`. Needs nothing else that runs.

It listens on the socket that it inherits as DESCRIPTOR, or opens one; says one line when it does. Settings, keys and
cordons are read again when their file changes; a bad file changes nothing. TERM or INT: no new connection is taken,
what runs is finished, a second one ends it at once. HUP: another process has taken over: connections that are open
are served on, each told with its next answer to close, until none is left.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from keepwell.core.errors import KeepwellError
from keepwell.gateway.cordons import CORDONS_FILE, load_cordons
from keepwell.gateway.door import Door, DoorPlate, make_secret, remove_plate, save_plate
from keepwell.gateway.inbound import Inbound
from keepwell.gateway.plane import Plane
from keepwell.gateway.recorder import Recorder
from keepwell.gateway.settings import SETTINGS_FILE, load_settings
from keepwell.store.keys import FILE_NAME as KEYS_FILE
from keepwell.store.keys import load_keys
from keepwell.store.requests import RECORD_FILE

#: Seconds between two looks at the files: three looks cost some 10 microseconds.
FOLLOW_SECONDS = 0.02
#: Seconds between two looks at what still runs when it is to end.
FINISH_SECONDS = 0.05
#: Seconds that a connection without a request stays after another process has taken over: its client may be about to
#: send one, and would find it closed.
LINGER_SECONDS = 10.0
#: Connections that may wait to be accepted.
BACKLOG = 4096


async def serve(state: Path, descriptor: int = -1) -> None:
    """Serve by the settings, keys and cordons in this state folder until told to end; `descriptor` is a socket that
    listens, -1 for one of its own. Raises KeepwellError, OSError.
    """
    settings = load_settings(state / SETTINGS_FILE)
    recorder = Recorder(state / RECORD_FILE)
    plane = Plane(settings, recorder)
    files = _Files(state, plane)
    files.read()
    end = _End(plane)
    listening = open_socket(settings.host, settings.port, descriptor)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(plane.make_client, sock=listening, backlog=BACKLOG)
    door = await _open_door(state, plane, listening)
    tasks = [loop.create_task(one) for one in (plane.gate.keep_time(), files.follow(), recorder.keep_writing())]
    print(f"listening on {settings.host}:{listening.getsockname()[1]}", flush=True)
    await end.told.wait()
    server.close()
    await end.finish()
    remove_plate(state, os.getpid())
    for task in tasks:
        task.cancel()
    door.close()
    plane.gate.close()
    recorder.close()


def open_socket(host: str, port: int, descriptor: int = -1) -> socket.socket:
    """The inherited socket, or a new one that nobody shares."""
    if descriptor < 0:
        return make_socket(host, port)
    return socket.socket(fileno=descriptor)


def make_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens; `shared`: beside another that does. Raises OSError where somebody else has the address."""
    family = socket.AF_INET
    if ":" in host:
        family = socket.AF_INET6
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


class _End:
    """How it comes to its end: told once, it finishes; told twice, it leaves what runs."""

    def __init__(self, plane: Plane) -> None:
        self.told = asyncio.Event()
        self._plane = plane
        self._linger = 0.0
        loop = asyncio.get_running_loop()
        for number, linger in ((signal.SIGTERM, 0.0), (signal.SIGINT, 0.0), (signal.SIGHUP, LINGER_SECONDS)):
            loop.add_signal_handler(number, partial(self._tell, linger))

    async def finish(self) -> None:
        """Wait for what runs; connections that do nothing are let go after their time."""
        gate = self._plane.gate
        began = gate.now()
        while gate.exchanges or (self._linger and gate.clients):
            now = gate.now()
            for client in [one for one in gate.clients if not one.busy]:
                if not client.reading_since and now - max(client.idle_since, began) > self._linger:
                    client.transport.close()
            await asyncio.sleep(FINISH_SECONDS)

    def _tell(self, linger: float) -> None:
        if self.told.is_set() and not linger:
            self._linger = 0.0
            for exchange in list(self._plane.gate.exchanges.values()):
                exchange.client_gone()
            return
        self._linger = linger
        self._plane.gate.finishing = True
        self._plane.own.about = {**self._plane.own.about, "finishing": True}
        self.told.set()


class _Files:
    """Reads settings, keys and cordons, again when their file was replaced."""

    def __init__(self, state: Path, plane: Plane) -> None:
        self._readers: dict[Path, Callable[[], None]] = {
            state / SETTINGS_FILE: partial(self._settings, state / SETTINGS_FILE),
            state / KEYS_FILE: partial(self._keys, state),
            state / CORDONS_FILE: partial(self._cordons, state),
        }
        self._known = {path: _stamp(path) for path in self._readers}
        self._plane = plane

    def read(self) -> None:
        """Keys and cordons for the first time. Raises KeepwellError."""
        for path, read in self._readers.items():
            if path.name != Path(SETTINGS_FILE).name:
                read()

    async def follow(self) -> None:
        """Look again and again; what cannot be read changes nothing and is told on standard error."""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            for path, read in self._readers.items():
                found = _stamp(path)
                if found == self._known[path]:
                    continue
                self._known[path] = found
                try:
                    read()
                except KeepwellError as error:
                    print(f"goes on as it was: {error}", file=sys.stderr, flush=True)

    def _settings(self, path: Path) -> None:
        self._plane.apply(load_settings(path))

    def _keys(self, state: Path) -> None:
        self._plane.admit(load_keys(state))

    def _cordons(self, state: Path) -> None:
        self._plane.cordon(load_cordons(state))


async def _open_door(state: Path, plane: Plane, listening: socket.socket) -> asyncio.Server:
    host, port = listening.getsockname()[:2]
    plane.own.about = {
        "pid": os.getpid(),
        "keeper": os.getppid(),
        "started_at": time.time(),
        "listening": f"{host}:{port}",
        "finishing": False,
    }
    secret = make_secret()
    owner = Door(secret, plane.own.answer)
    server = await asyncio.get_running_loop().create_server(partial(Inbound, owner, plane.gate.now), "127.0.0.1", 0)
    save_plate(state, DoorPlate(pid=os.getpid(), port=server.sockets[0].getsockname()[1], secret=secret))
    return server


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def main(arguments: list[str]) -> int:
    """Run it; 3 for settings that cannot be used or an address that cannot be listened on."""
    import uvloop

    descriptor = -1
    for word in arguments[1:2]:
        descriptor = int(word)
    try:
        uvloop.run(serve(Path(arguments[0]), descriptor))
    except (KeepwellError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
