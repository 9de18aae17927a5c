"""The addresses that a gateway listens on: its sockets, those that it was handed, and those that are not free yet."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Mapping, Sequence

from keepwell.core.errors import ConfigurationError
from keepwell.gateway.sockets import bind_socket, describe_address, make_unbound

#: Addresses and descriptors of sockets that a process hands to the one that replaces it: "127.0.0.1:4000=7 ...".
HANDED = "KEEPWELL_GATEWAY_SOCKETS"
#: Seconds between two tries to take an address that another program holds; a try costs some 20 microseconds.
TAKE_SECONDS = 0.02


class Listening:
    """The sockets by their addresses; `handed` are those of the process that this one replaces."""

    def __init__(self, handed: Mapping[tuple[str, int], socket.socket]) -> None:
        self._handed = dict(handed)
        self.sockets: dict[str, socket.socket] = {}
        self._waiting: dict[tuple[str, int], socket.socket] = {}

    @property
    def missing(self) -> tuple[tuple[str, int], ...]:
        """Addresses that another program holds."""
        return tuple(self._waiting)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Of all sockets, also of those that have no address yet."""
        return tuple(one.fileno() for one in (*self.sockets.values(), *self._waiting.values()))

    @property
    def words(self) -> str:
        """What is missing, for a sentence."""
        return ", ".join(f"{host}:{port}" for host, port in self.missing)

    def open(self, addresses: Sequence[tuple[str, int]], *, shared: bool, patient: bool) -> None:
        """Listen on these; handed sockets of others are closed. `shared`: beside a plane of ours that listens there.

        Raises ConfigurationError where that cannot be; a `patient` one notes as missing what is not free.
        """
        for address in addresses:
            found = self._handed.pop(address, None)
            if found is not None:
                self.sockets[describe_address(found)] = found
            else:
                self._open(address, shared=shared, patient=patient)
        for left in self._handed.values():
            left.close()

    async def take(self, seconds: float) -> None:
        """Wait until every address is free, and listen there. Raises ConfigurationError where one is not in time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self.missing:
            for address in self.missing:
                self._open(address, shared=False, patient=loop.time() < until)
            await asyncio.sleep(TAKE_SECONDS * bool(self.missing))

    def close(self) -> None:
        """Let go of all of them."""
        for one in (*self.sockets.values(), *self._waiting.values()):
            one.close()

    def hand_on(self) -> None:
        """Let the program that replaces this one find them."""
        for one in self.sockets.values():
            one.set_inheritable(True)
        os.environ[HANDED] = " ".join(f"{name}={one.fileno()}" for name, one in self.sockets.items())

    def _open(self, address: tuple[str, int], *, shared: bool, patient: bool) -> None:
        host, port = address
        try:
            made = self._waiting.setdefault(address, self._waiting.get(address) or make_unbound(host))
            bind_socket(made, host, port, shared=shared)
        except OSError as error:
            if patient and error.errno == errno.EADDRINUSE:
                return
            self.close()
            raise ConfigurationError(
                f"cannot listen there: {error.strerror}", where=f"{host}:{port}", hint="keepwell gateway --listen"
            ) from error
        self.sockets[describe_address(made)] = self._waiting.pop(address)


def take_handed() -> dict[tuple[str, int], socket.socket]:
    """Sockets of the process that this one replaces, by address."""
    found = {}
    for pair in os.environ.pop(HANDED, "").split():
        name, _, descriptor = pair.rpartition("=")
        host, _, port = name.rpartition(":")
        one = socket.socket(fileno=int(descriptor))
        one.set_inheritable(False)
        found[host.strip("[]"), int(port)] = one
    return found
