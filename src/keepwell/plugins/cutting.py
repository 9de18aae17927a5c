"""Cuts streams into events, in whatever pieces they come: server-sent events, and lines of JSON.

No byte is decoded here: a character that is split between two pieces is whole again before anybody reads it.
"""

from __future__ import annotations

#: Bytes that wait for the end of their event; more is no stream of a model (an image in an answer fits).
MOST_BYTES = 64 * 1024 * 1024


class TooLong(Exception):
    """An event without end."""


class LineCutter:
    """Lines, ended by LF or CR LF; empty ones are left out."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends. Raises TooLong."""
        last = data.rfind(b"\n")
        if last < 0:
            self._keep(data)
            return []
        whole, rest = data[:last], data[last + 1 :]
        if self._held:
            whole = b"".join([*self._held, whole])
            self._held.clear()
            self._length = 0
        if rest:
            self._keep(rest)
        return [line for line in map(bytes.rstrip, whole.split(b"\n")) if line]

    def end(self) -> bytes:
        """What came after the last line end."""
        rest = b"".join(self._held)
        self._held.clear()
        self._length = 0
        return rest.strip()

    def _keep(self, rest: bytes) -> None:
        self._length += len(rest)
        if self._length > MOST_BYTES:
            raise TooLong
        self._held.append(rest)


class EventCutter:
    """The data of server-sent events (WHATWG HTML, section 9.2): fields joined by LF, comments and other fields left
    out. The name of an event is left out too: where a format needs it, its data says it again.
    """

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that are whole now. Raises TooLong. Events of one field each, as models' streams have
        them, are cut at once, which costs a third of a microsecond for each.
        """
        if self._held:
            if data.find(b"\n") < 0:
                self._keep(data)
                return []
            data = b"".join([*self._held, data])
            self._held.clear()
            self._length = 0
        if data.startswith(b"data: ") and data.endswith(b"\n\n") and data.find(b"\r") < 0:
            found = data[6:-2].split(b"\n\ndata: ")
            if data.count(b"\n") == 2 * len(found):
                return found
        *events, rest = data.replace(b"\r\n", b"\n").split(b"\n\n")
        if rest:
            self._keep(rest)
        return [data for event in events for data in _find_data(event)]

    def end(self) -> list[bytes]:
        """What came after the last empty line: engines leave it out at the very end."""
        return self.feed(b"\n\n")

    def _keep(self, rest: bytes) -> None:
        self._held.append(rest)
        self._length += len(rest)
        if self._length > MOST_BYTES:
            raise TooLong


def _find_data(event: bytes) -> list[bytes]:
    """The data of an event of any lines, [] where it has none. Most that come here have a name and one line of it."""
    name, found, data = event.partition(b"\ndata: ")
    if found and b"\n" not in name and b"\n" not in data and not name.startswith(b"data:"):
        return [data]
    fields = [line for line in event.split(b"\n") if line.startswith(b"data:")]
    if not fields:
        return []
    return [b"\n".join(line[5 + line.startswith(b"data: ") :] for line in fields)]
