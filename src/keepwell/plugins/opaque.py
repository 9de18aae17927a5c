"""A dialect of paths whose bodies are handed on as they are: nothing is asked for, counted or hidden in them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from keepwell.plugins.dialect import Endpoint, Failure, Offered, Said, Usage


class OpaqueDialect:
    """See `keepwell.plugins.dialect.Dialect`; its errors look like OpenAI's."""

    mark = b""
    comments = False
    alarms: tuple[bytes, ...] = ()
    end = b""

    def __init__(self, *endpoints: Endpoint) -> None:
        self.endpoints = endpoints

    def render_refusal(self, failure: Failure) -> bytes:
        """`{"error": {"message", "type", "code"}}`."""
        error = {"message": failure.message, "type": failure.kind, "code": failure.status}
        return msgspec.json.encode({"error": error})

    def render_break(self, failure: Failure) -> bytes:
        """An event with the error."""
        return b"data: " + self.render_refusal(failure) + b"\n\n"

    def add_usage(self, body: bytes) -> bytes:
        """The body itself."""
        return body

    def is_usage(self, event: bytes) -> bool:
        """Never."""
        return False

    def read_usage(self, tail: bytes) -> Usage:
        """Nothing is told."""
        return Usage()

    def read_answer(self, body: bytes) -> Said:
        """Nothing is told."""
        return Said()

    def render_models(self, endpoint: Endpoint, models: Sequence[Offered]) -> bytes:
        """It lists no models; their names."""
        return msgspec.json.encode([one.name for one in models])
