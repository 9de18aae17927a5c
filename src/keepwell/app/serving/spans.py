"""Sends recorded requests to a collector as OpenTelemetry spans, by its conventions for generative AI.

The control side does it, from rows that are written already: no request waits for it, and none is slower for it.
Texts are never sent. Names are those of the conventions as of v1.41; numbers of our own begin with `keepwell.`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from urllib.parse import unquote

from keepwell import __version__
from keepwell.app.wiring import Wiring
from keepwell.core.errors import AccessError
from keepwell.formats.otlp import CONTENT_TYPE, TRACES_PATH, Attribute, Span, render_traces
from keepwell.store.requests import RECORD_FILE, RequestRow, read_rows
from keepwell.transport.base import Transport

#: Seconds between two looks for new rows; after one that could not be sent, the first and the longest wait.
LOOK_SECONDS, RETRY_SECONDS, LONGEST_SECONDS = 2.0, 5.0, 300.0
#: Spans that are sent at once, and seconds for that.
AT_ONCE, SEND_SECONDS = 500, 10.0
#: Rows that wait for a collector that does not answer; older ones are never sent.
WAITING = 20_000
#: The standard names of where to send, and of headers such as a key (`name=value,name=value`).
ENDPOINT, HEADERS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"
#: What a path asks for; any other is a chat.
_OPERATIONS = {
    "/v1/completions": "text_completion",
    "/api/generate": "text_completion",
    "/v1/embeddings": "embeddings",
    "/api/embed": "embeddings",
    "/api/embeddings": "embeddings",
}
_NANO = 1_000_000_000


class SpanSender:
    """Follows the record while the gateway runs, from its end on; one look at a time, and nobody waits for it.

    `unsent` says why the last look sent nothing, "" while all is well.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.unsent = ""
        self.sent = 0
        self._endpoint = environment.get(ENDPOINT, "").rstrip("/")
        self._headers = parse_headers(environment.get(HEADERS, ""))
        self._looking: asyncio.Task[None] | None = None
        self._due = 0.0
        self._wait = RETRY_SECONDS
        self._after = -1

    def tend(self, wiring: Wiring, wall: float) -> None:
        """Send what is new, if it is time and somebody wants it; `wall` is in seconds since the epoch."""
        if not self._endpoint or wall < self._due:
            return
        if self._looking is None or self._looking.done():
            self._due = wall + LOOK_SECONDS
            self._looking = asyncio.create_task(self.look(wiring, wall))

    async def look(self, wiring: Wiring, wall: float) -> None:
        """Send what is new."""
        path = wiring.state / RECORD_FILE
        try:
            if self._after < 0:
                newest = await asyncio.to_thread(read_rows, path, last=1)
                self._after = max([number for number, _ in newest], default=0)
            rows = await asyncio.to_thread(read_rows, path, after=self._after, last=WAITING)
            for start in range(0, len(rows), AT_ONCE):
                await self._send(wiring.hands, rows[start : start + AT_ONCE])
        except AccessError as error:
            self.unsent = str(error)
            self._due, self._wait = wall + self._wait, min(2 * self._wait, LONGEST_SECONDS)
        else:
            self.unsent, self._wait = "", RETRY_SECONDS

    async def _send(self, transport: Transport, rows: Sequence[tuple[int, RequestRow]]) -> None:
        resource: dict[str, Attribute] = {"service.name": "keepwell-gateway", "host.name": transport.name}
        spans = [make_span(row, transport.name) for _, row in rows]
        body = render_traces(spans, resource, scope="keepwell.gateway", version=__version__)
        headers = {"content-type": CONTENT_TYPE, **self._headers}
        url = self._endpoint + TRACES_PATH
        reply = await transport.http("POST", url, headers=headers, body=body, timeout_seconds=SEND_SECONDS)
        if reply.status >= 500 or reply.status in (408, 429):
            raise AccessError(f"the collector answered HTTP {reply.status}", where=url)
        self._after = rows[-1][0]  # what it refuses for good it would refuse again
        self.sent += len(rows) * (reply.status < 400)
        if reply.status >= 400:
            raise AccessError(f"the collector refused {len(rows)} spans: HTTP {reply.status}", where=url)


def make_span(row: RequestRow, host: str) -> Span:
    """The span of one request; the same row makes the same span, so that sending it twice changes nothing."""
    seed = blake2b(f"{host} {row.id} {row.at!r}".encode(), digest_size=24).digest()
    operation = _OPERATIONS.get(row.path, "chat")
    begin = int(row.at * _NANO)
    return Span(
        trace_id=seed[:16],
        span_id=seed[16:],
        name=f"{operation} {row.asked}",
        begin=begin,
        end=begin + max(0, int(row.total_seconds * _NANO)),
        attributes={"gen_ai.operation.name": operation, **dict(_attributes(row))},
        error=row.outcome,
    )


def parse_headers(text: str) -> dict[str, str]:
    """Headers as `name=value,name=value`, percent-encoded, as the standard variable holds them."""
    pairs = (one.partition("=") for one in text.split(","))
    return {name.strip().lower(): unquote(value.strip()) for name, equals, value in pairs if equals and name.strip()}


def _attributes(row: RequestRow) -> Iterator[tuple[str, Attribute]]:
    """What is known of it; what is not known is left out."""
    engine = row.replica.rpartition("/")[2].partition(":")[0]
    texts = {
        "gen_ai.provider.name": engine,
        "gen_ai.request.model": row.asked,
        "gen_ai.response.model": row.answered,
        "error.type": row.outcome,
        "keepwell.replica": row.replica,
        "keepwell.route": row.route,
        "keepwell.key": row.key,
        "keepwell.proof": row.proof,
        "keepwell.digest": row.digest,
    }
    yield from ((name, text) for name, text in texts.items() if text)
    numbers: dict[str, float] = {
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cached_tokens,
        "gen_ai.response.time_to_first_chunk": row.first_byte_seconds,
        "keepwell.queue_seconds": row.queue_seconds,
        "keepwell.energy_joules": row.energy_joules,
        "keepwell.cost": row.cost,
    }
    yield from ((name, number) for name, number in numbers.items() if number >= 0)
    yield "http.response.status_code", row.status
    yield "gen_ai.request.stream", row.stream
    yield "keepwell.retries", row.retries
