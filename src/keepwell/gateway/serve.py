"""The data plane's process: `python -m keepwell.gateway.serve STATE [DESCRIPTOR ...] [held=DESCRIPTOR]`. Needs nothing
else that runs.

With `held` it gets ready, says so on that line by a byte, and serves when it hears one: its sockets have no address
until then. It listens on the sockets that it inherits as DESCRIPTORs, or opens them; says a line when it does.
Settings, keys, cordons and moved shares are read again when their file changes; a bad file changes nothing. TERM or
INT: no new connection is taken, what runs is finished, a second one ends it at once. HUP: another process has taken
over: connections that are open are served on, each told with its next answer to close, until none is left.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from stat import S_ISDIR
from typing import Protocol

from keepwell.core.errors import KeepwellError
from keepwell.gateway.choice.cordons import CORDONS_FILE, load_cordons
from keepwell.gateway.choice.splits import SPLITS_FOLDER, load_splits
from keepwell.gateway.door import Door, DoorPlate, make_secret, remove_plate, save_plate
from keepwell.gateway.plane import Plane
from keepwell.gateway.record.recorder import Recorder
from keepwell.gateway.record.state import About
from keepwell.gateway.settings import SETTINGS_FILE, Settings, load_settings
from keepwell.gateway.sockets import BACKLOG, describe_address, make_socket
from keepwell.gateway.surface import Answer
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.wire.request import Request
from keepwell.gateway.wire.tls import Certificate, TlsServer
from keepwell.store.desk_door import DESK_DOOR_FILE, load_desk_door
from keepwell.store.keys import FILE_NAME as KEYS_FILE
from keepwell.store.keys import load_keys
from keepwell.store.requests import RECORD_FILE, load_next_id, load_spent
from keepwell.turns.book import RULES_FILE

#: Seconds between two looks at the files: a round of them costs some 20 microseconds.
FOLLOW_SECONDS = 0.05
#: Seconds between two looks at what still runs when it is to end.
FINISH_SECONDS = 0.05
#: Seconds that a connection without a request stays after another process has taken over: its client may be about to
#: send one, and would find it closed.
LINGER_SECONDS = 10.0
#: Seconds between two looks at reservations: they begin and end at whole minutes.
RESERVE_SECONDS = 1.0
#: How the argument begins that names the line of one that is held, what it says there when it is ready, and hears.
HELD, READY, GO = "held=", b"r", b"g"


async def serve(state: Path, descriptors: Sequence[int] = (), held: int = -1) -> None:
    """Serve by the settings, keys and cordons in this state folder until told to end; `descriptors` are sockets that
    listen, () for its own; with `held` once that line says so. Raises KeepwellError, OSError.
    """
    settings = load_settings(state / SETTINGS_FILE)
    recorder = Recorder(state / RECORD_FILE)
    plane = Plane(settings, recorder)
    plane.gate.access.restore(load_spent(state / RECORD_FILE, time.time()))
    plane.gate.count_from(load_next_id(state / RECORD_FILE))
    certificate = find_certificate(settings)
    plane.turning.state = state
    files = _Files(state, plane, certificate)
    files.read()
    end = _End(plane)
    if held >= 0 and not await _is_let_go(held, end):
        recorder.close()
        return
    files.look()
    listening = open_sockets(settings, descriptors)
    loop = asyncio.get_running_loop()
    servers = [await _listen(one, plane, certificate) for one in listening]
    tasks = [loop.create_task(one) for one in (plane.gate.keep_time(), files.follow(), recorder.keep_writing())]
    tasks.append(loop.create_task(_keep_reserved(plane)))
    inside = await loop.create_server(plane.make_client, "127.0.0.1", 0)
    servers.append(inside)
    servers.append(await _open_door(state, plane, listening, inside.sockets[0].getsockname()[1]))
    for one in plane.own.about.listening:
        print(f"listening on {one}", flush=True)
    await end.told.wait()
    for server in servers[:-1]:
        server.close()
    await end.finish()
    remove_plate(state, os.getpid())
    for task in tasks:
        task.cancel()
    servers[-1].close()
    plane.gate.close()
    recorder.close()


async def _is_let_go(held: int, end: _End) -> bool:
    """Say that it is ready, and wait; False where it is told to end first, or whoever holds it is gone."""
    loop = asyncio.get_running_loop()
    with socket.socket(fileno=held) as line:
        line.setblocking(False)
        await loop.sock_sendall(line, READY)
        told, heard = loop.create_task(end.told.wait()), loop.create_task(loop.sock_recv(line, 1))
        await asyncio.wait((told, heard), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not heard.done():
            heard.cancel()
            return False
        return heard.result() == GO


def find_certificate(settings: Settings) -> Certificate | None:
    """What HTTPS is spoken by, None for plain HTTP. Raises ConfigurationError for files that cannot be used."""
    if not settings.certificate:
        return None
    return Certificate(Path(settings.certificate), Path(settings.private_key or settings.certificate))


async def _listen(listening: socket.socket, plane: Plane, certificate: Certificate | None) -> Server:
    if certificate is None:
        loop = asyncio.get_running_loop()
        return await loop.create_server(plane.make_client, sock=listening, backlog=BACKLOG)
    return TlsServer(listening, certificate, plane.make_client)


async def _keep_reserved(plane: Plane) -> None:
    """Begin and end reservations at their time."""
    while True:
        plane.reserve(time.time())
        await asyncio.sleep(RESERVE_SECONDS)


def open_sockets(settings: Settings, descriptors: Sequence[int] = ()) -> list[socket.socket]:
    """The inherited sockets, or new ones that nobody shares."""
    if descriptors:
        return [socket.socket(fileno=one) for one in descriptors]
    return [make_socket(host, port) for host, port in ((settings.host, settings.port), *settings.more)]


class Server(Protocol):
    """What accepts connections."""

    def close(self) -> None:
        """Accept no more; connections that are there stay."""
        ...


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
                exchange.give_up("the gateway was told to end")
            return
        self._linger = linger
        self._plane.gate.finishing = True
        self._plane.own.about = replace(self._plane.own.about, finishing=True)
        self.told.set()


class _Files:
    """Reads settings, keys and cordons, again when their file was replaced."""

    def __init__(self, state: Path, plane: Plane, certificate: Certificate | None) -> None:
        self._certificate = certificate
        self._readers: dict[Path, Callable[[], None]] = {
            state / SETTINGS_FILE: partial(self._settings, state / SETTINGS_FILE),
            state / KEYS_FILE: partial(self._keys, state),
            state / CORDONS_FILE: partial(self._cordons, state),
            state / SPLITS_FOLDER: partial(self._splits, state),
            state / DESK_DOOR_FILE: partial(self._desk, state),
            state / RULES_FILE: plane.turning.read,
        }
        self._known = {path: _stamp(path) for path in self._readers}
        self._plane = plane

    def read(self) -> None:
        """Keys and cordons for the first time, and moved shares, without which it serves too. Raises KeepwellError."""
        for path, read in self._readers.items():
            if path.name in (Path(SPLITS_FOLDER).name, Path(DESK_DOOR_FILE).name, Path(RULES_FILE).name):
                self._try(read)
            elif path.name != Path(SETTINGS_FILE).name:
                read()

    async def follow(self) -> None:
        """Look again and again; what cannot be read changes nothing and is told on standard error."""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            self._plane.gate.access.tick(time.time())
            self.look()

    def look(self) -> None:
        """Read what was replaced since."""
        for path, read in self._readers.items():
            found = _stamp(path)
            if found == self._known[path]:
                continue
            self._known[path] = found
            self._try(read)
        if self._certificate is not None:
            self._try(self._certificate.follow)

    def _try(self, read: Callable[[], None]) -> None:
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

    def _desk(self, state: Path) -> None:
        self._plane.seat(load_desk_door(state))

    def _splits(self, state: Path) -> None:
        self._plane.split(load_splits(state))


async def _open_door(state: Path, plane: Plane, listening: Sequence[socket.socket], inside: int) -> asyncio.Server:
    plane.own.about = About(
        pid=os.getpid(),
        keeper=os.getppid(),
        listening=tuple(describe_address(one) for one in listening),
        started_at=time.time(),
    )
    secret = make_secret()
    owner = Door(secret, partial(_answer_at_door, plane))
    server = await asyncio.get_running_loop().create_server(partial(Inbound, owner, plane.gate.now), "127.0.0.1", 0)
    save_plate(state, DoorPlate(pid=os.getpid(), port=server.sockets[0].getsockname()[1], secret=secret, inside=inside))
    return server


def _answer_at_door(plane: Plane, request: Request) -> Answer | None:
    own = plane.own
    own.about = replace(own.about, alone=os.getppid() != own.about.keeper)
    return plane.turning.answer(request, plane.gate.now()) or own.answer(request)


def _stamp(path: Path) -> tuple[int, int]:
    """What is another one once the file was replaced, or a folder's files are others: several may come and go within
    one tick of the clock of its file system.
    """
    try:
        found = path.stat()
        if not S_ISDIR(found.st_mode):
            return found.st_mtime_ns, found.st_ino
        return found.st_mtime_ns, hash(tuple(sorted(os.listdir(path))))
    except OSError:
        return 0, 0


def main(arguments: list[str]) -> int:
    """Run it; 3 for settings that cannot be used or an address that cannot be listened on."""
    import uvloop

    try:
        plain = [int(one) for one in arguments[1:] if one.isdecimal()]
        held = [int(one.removeprefix(HELD)) for one in arguments[1:] if one.startswith(HELD)]
        uvloop.run(serve(Path(arguments[0]), plain, *held))
    except (KeepwellError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
