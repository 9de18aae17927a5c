"""The record of the gateway's requests, and why a request would go where."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import quote

from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state, wire
from keepwell.core.errors import ConfigurationError, Unreachable
from keepwell.gateway.settings import SETTINGS_FILE, load_settings
from keepwell.store.requests import RECORD_FILE, RequestRow, read_rows

#: Seconds between two looks for new requests, and for the gateway's own answers.
FOLLOW_SECONDS, ASK_SECONDS = 0.5, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsReport:
    """The answer of `requests`: the newest, oldest of them first."""

    requests: tuple[RequestRow, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.requests/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLine:
    """One replica: why it is out ("" if it is not), its work, whether it would be chosen."""

    replica: str
    why: str
    outstanding: int
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteReport:
    """The answer of `route`: candidates by dialect."""

    model: str
    candidates: dict[str, tuple[CandidateLine, ...]]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.route/1"

    @property
    def exit_code(self) -> int:
        """2 if nobody could take a request."""
        return 2 * (not any(one.chosen for rows in self.candidates.values() for one in rows))


async def list_requests(caller: Caller, *, last: int, follow: bool) -> RequestsReport | None:
    """The newest requests; with `follow` new ones are told as they end, until Ctrl-C."""
    path = find_state(caller) / RECORD_FILE
    rows = read_rows(path, last=last)
    if not follow:
        return RequestsReport(requests=tuple(row for _, row in rows))
    seen = 0
    while True:
        for number, row in rows:
            seen = number
            caller.tell(describe_request(row))
        await asyncio.sleep(FOLLOW_SECONDS)
        rows = read_rows(path, after=seen, last=1000)


def describe_request(row: RequestRow) -> str:
    """One line for a person."""
    tokens = f"{max(0, row.input_tokens)}+{max(0, row.output_tokens)} tokens"
    times = f"first byte {row.first_byte_seconds * 1000:.0f} ms" * (row.first_byte_seconds >= 0)
    words = (row.key or "-", row.asked, row.replica or "-", str(row.status), row.outcome or "well", tokens, times)
    return f"{row.id:>6}  {'  '.join(one for one in words if one)}  {row.total_seconds * 1000:.0f} ms"


async def explain_route(caller: Caller, model: str) -> RouteReport:
    """Ask the running gateway where a request for this model would go. Raises Unreachable, ConfigurationError."""
    async with wire(caller) as wiring:
        try:
            settings = load_settings(wiring.state / SETTINGS_FILE)
        except ConfigurationError as error:
            raise Unreachable("no gateway runs here", hint="start one: keepwell gateway") from error
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
        url = f"http://{host}:{settings.port}/keepwell/route?model={quote(model)}"
        reply = await wiring.hands.http("GET", url, timeout_seconds=ASK_SECONDS)
    found = json.loads(reply.body)
    if reply.status != 200:
        raise ConfigurationError(str(found.get("error")), hint=f"known: {', '.join(found.get('routes', ())) or 'none'}")
    rows = {one["dialect"]: tuple(CandidateLine(**row) for row in one["candidates"]) for one in found["by_dialect"]}
    return RouteReport(model=model, candidates=rows)
