"""What is known of one request when it is over: one row of the record."""

from __future__ import annotations

from keepwell.plugins.dialect import Usage


class Facts:
    """Filled while the request is worked on. Instants are of the gateway's clock, in seconds; 0 is "not yet".

    `proof` says how it is known which model answered: "said" by the engine, "resident" there, or "" (unknown).
    `stream_parts` counts reads from the engine that held part of a stream.
    """

    __slots__ = (
        "answered",
        "asked",
        "began",
        "bytes_out",
        "dialect",
        "ended",
        "error",
        "first",
        "id",
        "key",
        "last",
        "path",
        "proof",
        "replica",
        "retries",
        "route",
        "started",
        "status",
        "stream",
        "stream_parts",
        "usage",
    )

    def __init__(self, number: int, began: float) -> None:
        self.id = number
        self.began = began
        self.started = self.first = self.last = self.ended = 0.0
        self.dialect = self.key = self.path = self.route = self.asked = self.answered = self.replica = ""
        self.error = self.proof = ""
        self.status = self.retries = self.bytes_out = self.stream_parts = 0
        self.stream = False
        self.usage = Usage()
