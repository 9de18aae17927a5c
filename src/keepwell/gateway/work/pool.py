"""Connections to one replica that wait for the next request, and the lines of a head that stand for it."""

from __future__ import annotations

import asyncio
from collections import deque

from keepwell.gateway.wire.heads import render_replica
from keepwell.plugins.routing import Replica
from keepwell.wire.outbound import Outbound

#: Idle connections to one engine that are kept.
KEPT = 256


class Pool:
    """The one used last is used next, so that those which are not needed grow old and are closed by the engine."""

    __slots__ = ("_idle", "_over", "lines", "opening", "replica")

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.lines = render_replica(replica)
        #: Connections that are being made.
        self.opening: set[asyncio.Task[None]] = set()
        self._idle: deque[Outbound] = deque()
        self._over = False

    def is_for(self, replica: Replica) -> bool:
        """True if its connections lead there and its lines are right, though others may be known of it by now."""
        if replica is self.replica:
            return True
        known = self.replica
        if _place(replica) != _place(known):
            return False
        self.replica = replica
        return True

    def take(self) -> Outbound | None:
        """One that is open, None where there is none."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.closed and not connection.transport.is_closing():
                return connection
        return None

    def put_back(self, connection: Outbound) -> None:
        """Keep it for the next request."""
        if connection.closed or self._over or len(self._idle) >= KEPT:
            connection.let_go()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """The replica is gone, or is another one: keep none, also of those that come back."""
        self._over = True
        while self._idle:
            self._idle.pop().let_go()


def _place(replica: Replica) -> tuple[str, int, bool, str]:
    """All that a connection and its lines depend on."""
    return replica.host, replica.port, replica.tls, replica.api_key
