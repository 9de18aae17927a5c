"""Prompts as bytes to be sent."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.bench.doors import Place
from keepwell.bench.load import Prompt

#: Lines of every request; what is taken tells a server that a stream may be one of events or of lines.
_LINES = (b"content-type: application/json", b"accept: application/json, text/event-stream, */*")


class RequestWriter:
    """Writes requests to one place; heads are made once for each path."""

    def __init__(self, place: Place, headers: Iterable[tuple[str, str]]) -> None:
        own = [b"%b: %b" % (name.encode(), value.encode("latin-1")) for name, value in headers]
        if any(b"\r" in line or b"\n" in line for line in own):
            raise ValueError("a header is one line")
        self._place = place
        self._lines = b"\r\n".join([b"host: " + place.name.encode(), *_LINES, *own, b"content-length: "])
        self._heads: dict[str, bytes] = {}

    def render(self, prompt: Prompt) -> bytes:
        """The whole request."""
        head = self._heads.get(prompt.path)
        if head is None:
            target = (self._place.prefix + prompt.path).encode()
            head = self._heads[prompt.path] = b"POST %b HTTP/1.1\r\n%b" % (target, self._lines)
        return b"%b%d\r\n\r\n%b" % (head, len(prompt.body), prompt.body)
