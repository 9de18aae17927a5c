"""Engines that are started while something serves: told by what listens, so that no process is asked for nothing."""

from __future__ import annotations

from keepwell.core.errors import AccessError
from keepwell.transport.base import Transport

#: Tables of TCP sockets, and the state of one that listens in their fourth column.
TABLES, LISTENS = ("/proc/net/tcp", "/proc/net/tcp6"), "0A"
#: Bytes of a table that are read: 150 a connection, so a hundred thousand connections.
TABLE_BYTES = 16 * 1024 * 1024
#: Seconds between two looks, and looks after somebody began to listen: an engine may need half a minute to answer.
LOOK_SECONDS, LOOKS = 10.0, 4


class Arrivals:
    """Says when it is worth to look for engines again. Where there are no such tables, at every look."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: frozenset[str] | None = None
        self._left = 0
        self._looked_at = 0.0

    async def is_due(self, now: float) -> bool:
        """True if somebody listens who did not at the last look, or began to only a moment ago; `now` in seconds."""
        if now - self._looked_at < LOOK_SECONDS:
            return False
        first = not self._looked_at
        self._looked_at = now
        found = await find_listening(self._transport)
        fresh = found is None or bool(self._known is not None and found - self._known)
        self._known = found
        self._left = max(self._left - 1, fresh * LOOKS)
        return self._left > 0 and not first


async def find_listening(transport: Transport) -> frozenset[str] | None:
    """The addresses that are listened on, as the kernel writes them; None where it does not tell."""
    found: set[str] = set()
    for path in TABLES:
        try:
            text = (await transport.read(path, max_bytes=TABLE_BYTES)).decode("ascii", "replace")
        except AccessError:
            continue
        found |= parse_listening(text)
    if found:
        return frozenset(found)
    return None


def parse_listening(text: str) -> set[str]:
    """The local addresses of a table's listening sockets."""
    rows = (line.split() for line in text.splitlines())
    return {row[1] for row in rows if len(row) > 3 and row[3] == LISTENS}
