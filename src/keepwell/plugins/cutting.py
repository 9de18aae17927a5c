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
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends. Raises TooLong."""
        if b"\n" not in data:
            self._keep(self._rest + data)
            return []
        lines = (self._rest + data).split(b"\n")
        self._keep(lines.pop())
        return [line for line in map(bytes.rstrip, lines) if line]

    def end(self) -> bytes:
        """What came after the last line end."""
        rest, self._rest = self._rest, b""
        return rest.strip()

    def _keep(self, rest: bytes) -> None:
        if len(rest) > MOST_BYTES:
            raise TooLong
        self._rest = rest


class EventCutter:
    """The data of server-sent events (WHATWG HTML, section 9.2): fields joined by LF, comments and other fields left
    out. The name of an event is left out too: where a format needs it, its data says it again.
    """

    def __init__(self) -> None:
        self._lines = b""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that are whole now. Raises TooLong."""
        lines = (self._lines + data).split(b"\n")
        self._lines = lines.pop()
        if len(self._lines) > MOST_BYTES:
            raise TooLong
        found: list[bytes] = []
        held = self._data
        for line in lines:
            if line.startswith(b"data:"):
                held.append(line[5 + line.startswith(b"data: ") :].removesuffix(b"\r"))
            elif held and line in (b"", b"\r"):
                found.append(b"\n".join(held))
                held.clear()
        return found

    def end(self) -> list[bytes]:
        """What came after the last empty line: engines leave it out at the very end."""
        return self.feed(b"\n\n")
