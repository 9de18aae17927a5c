"""The record of the gateway's requests, for a person: some of them, or new ones as they end."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass

from keepwell.app.hub.opening import open_log
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.config.shapes import duration
from keepwell.core.errors import ConfigurationError
from keepwell.core.text import escape_controls
from keepwell.store.bodies import BODIES_FILE, KeptBody, find_body
from keepwell.store.requestlog.whole import find_requests, newest_requests
from keepwell.store.requests import RECORD_FILE, RequestRow, Wanted, read_rows

#: Seconds between two looks for new requests, and rows that one look tells at most.
FOLLOW_SECONDS, FOLLOWED = 0.5, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsReport:
    """The answer of `requests`: the newest, oldest of them first; or the `body` of one of them."""

    requests: tuple[RequestRow, ...]
    body: KeptBody | None = None

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.requests/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def parse_wanted(*, key: str, route: str, failed: bool, since: str, now: float) -> Wanted:
    """Which rows are asked for; `since` is a time like 6h before `now`. Raises ConfigurationError."""
    begin = 0.0
    if since:
        try:
            begin = now - duration(since)
        except ValueError as error:
            raise ConfigurationError(f"--since {since!r} is no time", hint=f"write {error}") from error
    return Wanted(key=key, route=route, failed=failed, since=begin)


def show_request(caller: Caller, number: int) -> RequestsReport:
    """One request, however old it is, with what it asked and got where that was kept. Raises ConfigurationError where
    neither is known, AccessError.
    """
    state = find_state(caller)
    body = find_body(state / BODIES_FILE, number)
    found = tuple(find_requests(state, number))
    hint = "write `bodies = true` into the [[route]] whose requests are to be kept"
    unkept = f"what request {number} asked was not kept, or no longer is"
    if body is None and not found:
        raise ConfigurationError(f"no request {number} is known; {unkept}", hint=hint)
    if body is None:
        caller.note(f"{unkept}: {hint}")
    return RequestsReport(requests=found, body=body)


async def list_requests(caller: Caller, wanted: Wanted, *, last: int, follow: bool) -> RequestsReport | None:
    """The newest requests; with `follow` new ones are told as they end, until Ctrl-C. Raises AccessError."""
    state = find_state(caller)
    if not follow:
        with closing(open_log(caller)) as log:
            return RequestsReport(requests=tuple(newest_requests(state, last=last, wanted=wanted, log=log)))
    path = state / RECORD_FILE
    rows = read_rows(path, last=last, wanted=wanted)
    seen = 0
    while True:
        for number, row in rows:
            seen = number
            caller.tell(describe_request(row))
        await asyncio.sleep(FOLLOW_SECONDS)
        rows = read_rows(path, after=seen, last=FOLLOWED, wanted=wanted)


def describe_request(row: RequestRow) -> str:
    """One line for a person."""
    tokens = f"{max(0, row.input_tokens)}+{max(0, row.output_tokens)} tokens"
    times = f"first byte {row.first_byte_seconds * 1000:.0f} ms" * (row.first_byte_seconds >= 0)
    retries = f"after {row.retries} retries" * bool(row.retries)
    words = (row.key or "-", row.asked, row.replica or "-", str(row.status), row.outcome or "well", retries)
    told = "  ".join(one for one in (*words, tokens, times) if one)
    return escape_controls(f"{row.id:>6}  {told}  {row.total_seconds * 1000:.0f} ms")
