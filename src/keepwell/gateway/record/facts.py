"""What is known of one request when it is over: one row of the record."""

from __future__ import annotations

from keepwell.plugins.dialect import Usage


class Facts:
    """Filled while the request is worked on. Instants are of the gateway's clock, in seconds; 0 is "not yet".

    `proof` says how it is known which model answered: "said" by the engine, "resident" there, or "" (unknown);
    `digest` and `device` are what the engine tells of that model, `changed_options` how many options were set right.
    `page` are the lines of a head that let a listed web page read the answer. `stream_parts` counts reads from the
    engine that held part of a stream, `times` are the instants of the first ones. `bodies` are the beginnings of what
    was asked and answered, where they are to be kept. `stalled` is for how many seconds the client took nothing of what
    was there; `cold` is 1 where the model was not in memory when it was tried, 0 where it was, -1 before.
    """

    __slots__ = (
        "answered",
        "asked",
        "began",
        "bodies",
        "bytes_in",
        "bytes_out",
        "changed_options",
        "cold",
        "device",
        "dialect",
        "digest",
        "ended",
        "error",
        "first",
        "id",
        "key",
        "last",
        "page",
        "path",
        "proof",
        "replica",
        "retries",
        "route",
        "stalled",
        "started",
        "status",
        "stream",
        "stream_parts",
        "times",
        "usage",
    )

    def __init__(self, number: int, began: float) -> None:
        self.id = number
        self.began = began
        self.started = self.first = self.last = self.ended = 0.0
        self.dialect = self.key = self.path = self.route = self.asked = self.answered = self.replica = ""
        self.error = self.proof = self.digest = self.device = ""
        self.status = self.retries = self.bytes_in = self.bytes_out = self.stream_parts = self.changed_options = 0
        self.times: list[float] | None = None
        self.page = b""
        self.bodies: tuple[bytes, bytes] | None = None
        self.stream = False
        self.stalled = 0.0
        self.cold = -1
        self.usage = Usage()

    @property
    def charged_tokens(self) -> int:
        """What counts against its key: the engine's counts; where it told none, a token for each part that it sent."""
        made = self.usage.output_tokens
        if made < 0:
            made = self.stream_parts
        return max(0, self.usage.input_tokens) + made
