"""Rows of requests, made up: one like any other, and many as they are."""

from __future__ import annotations

import random
from dataclasses import replace
from operator import attrgetter
from typing import Any

from keepwell.store.requests import COLUMNS, RequestRow, Values

#: The beginning of an hour, in seconds since the epoch.
BEGIN = 1_800_000_000.0
#: A row like any other.
PLAIN = RequestRow(
    id=1,
    key="ada",
    path="/v1/chat/completions",
    dialect="openai",
    route="m",
    asked="m",
    answered="m",
    replica="here/engine",
    status=200,
    outcome="",
    stream=True,
    retries=0,
    input_tokens=7,
    output_tokens=5,
    cached_tokens=-1,
    bytes_in=120,
    bytes_out=900,
    proof="name",
    digest="",
    device="",
    changed_options=0,
    at=BEGIN,
    queue_seconds=0.0,
    first_byte_seconds=0.25,
    total_seconds=1.5,
    output_token_seconds=0.0125,
)


def values_of(row: RequestRow) -> Values:
    """The row as it is written."""
    return tuple(getattr(row, name) for name in COLUMNS)


def make_values(number: int, **more: Any) -> Values:
    """A plain row with this id that came that many seconds after BEGIN, other than that as told."""
    return values_of(replace(PLAIN, **{"id": number, "at": BEGIN + number} | more))


def make_mixed(count: int, seed: int, seconds: float = 3 * 3600.0) -> list[RequestRow]:
    """Rows of some routes, replicas and outcomes with latencies as they are: long tails, and some that nobody knows."""
    dice = random.Random(seed)
    rows = []
    for number in range(count):
        first = round(dice.lognormvariate(-1.0, 0.8), 6)
        row = replace(
            PLAIN,
            id=number + 1,
            at=BEGIN + round(dice.uniform(0.0, seconds), 6),
            route=dice.choice(("m", "n", "")),
            replica=dice.choice(("a/engine", "b/engine")),
            outcome=dice.choice(("", "", "", "timeout")),
            status=dice.choice((200, 200, 200, 503)),
            cold=dice.choice((-1, 0, 0, 1)),
            queue_seconds=dice.choice((0.0, round(dice.expovariate(20.0), 6))),
            first_byte_seconds=dice.choice((first, first, -1.0)),
            total_seconds=round(first + dice.lognormvariate(1.0, 1.0), 6),
            output_token_seconds=dice.choice((round(dice.lognormvariate(-4.0, 0.5), 6), -1.0)),
        )
        rows.append(row)
    return sorted(rows, key=attrgetter("at"))
