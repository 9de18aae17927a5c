"""Made rows of requests, and a log of them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from keepwell.config.objective_model import ObjectiveEntry
from keepwell.store.request_log import QuantileRow, Quantiles
from keepwell.store.requests import EVERY, RequestRow, Values, Wanted

#: A Wednesday, 2026-01-07 12:00:00 UTC.
NOON = 1_767_787_200.0

ROW = RequestRow(
    id=1,
    key="ada",
    path="/v1/chat/completions",
    dialect="openai",
    route="chat",
    asked="chat",
    answered="chat",
    replica="gpu01/big",
    status=200,
    outcome="",
    stream=True,
    retries=0,
    input_tokens=10,
    output_tokens=100,
    cached_tokens=0,
    bytes_in=1,
    bytes_out=1,
    proof="",
    digest="",
    device="",
    changed_options=0,
    at=NOON,
    queue_seconds=0.0,
    first_byte_seconds=0.5,
    total_seconds=3.0,
    output_token_seconds=0.025,
    cold=0,
)
AVAILABLE = ObjectiveEntry(name="answered", indicator="availability", target=0.995)
QUICK = ObjectiveEntry(name="quick", indicator="ttft", target=0.95, within_seconds=2.0, route="chat")


def row(at: float, **changes: Any) -> RequestRow:
    """A request that went well, changed."""
    return replace(ROW, at=at, **changes)


def failed(at: float, **changes: Any) -> RequestRow:
    """One that its replica refused."""
    return row(at, **{"status": 502, "outcome": "replica_refused", "first_byte_seconds": -1.0, **changes})


class ListLog:
    """Rows in the order of their coming, numbered from 1."""

    def __init__(self, rows: Sequence[RequestRow] = ()) -> None:
        self.rows = list(rows)
        self.reads = 0

    def add(self, rows: Sequence[Values]) -> None:
        raise NotImplementedError

    def last_number(self) -> int:
        return len(self.rows)

    def after(self, number: int, most: int) -> list[tuple[int, RequestRow]]:
        self.reads += 1
        return list(enumerate(self.rows, start=1))[number : number + most]

    def find(self, request: int) -> list[RequestRow]:
        return [one for one in self.rows if one.id == request]

    def newest(self, *, last: int = 20, wanted: Wanted = EVERY) -> list[tuple[int, RequestRow]]:
        return list(enumerate(self.rows, start=1))[-last:]

    def between(self, since: float, until: float) -> Iterator[RequestRow]:
        return (one for one in self.rows if since <= one.at < until)

    def quantiles(self, question: Quantiles) -> list[QuantileRow]:
        return []

    def drop(self, before: float) -> None:
        self.rows = [one for one in self.rows if one.at >= before]

    def close(self) -> None:
        pass
