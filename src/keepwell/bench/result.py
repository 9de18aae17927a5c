"""Result: what a stretch of load gave, a row a request in columns of numbers.

Definitions are those of vLLM's benchmark, so that figures can be compared: ttft from the request's send to its first
token; itl each gap between two reads that bring tokens, pooled over requests; tpot (last token - first token) / (output
tokens - 1), a figure a request; e2e from send to the answer's end. `planned` says when the schedule wanted the request:
a ttft from there has no coordinated omission.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Literal, NamedTuple, TypeAlias

from keepwell.bench.load import Aim, Load

#: How a request ended, by the number that stands in the column `outcome`.
OUTCOMES = (
    *("ok", "connect", "refused", "overloaded", "timeout", "cut", "bad_request", "server_error", "truncated"),
    *("invalid", "given_up"),
)


#: Who counted the output tokens of streams: the server (`usage`), nobody, so that each text it sent counts as one
#: (`pieces`), or the one here and the other there. "" where there were none.
TokenSource: TypeAlias = Literal["", "usage", "pieces", "mixed"]


class Row(NamedTuple):
    """One request. Instants are seconds from the load's begin; nan: there is none, or it is not known."""

    planned: float = nan
    sent: float = nan
    first: float = nan
    last: float = nan
    ended: float = nan
    input_tokens: float = nan
    output_tokens: float = nan
    #: Reads that brought tokens: one may bring several (speculative decoding), so they are not counted as tokens.
    events: float = nan
    outcome: float = 0.0
    #: 1 where the model had to be loaded for it.
    cold: float = 0.0


def _make_columns() -> dict[str, array[float]]:
    return {name: array("d") for name in Row._fields}


@dataclass(slots=True)
class Columns:
    """Rows by column: 80 bytes a request."""

    columns: dict[str, array[float]] = field(default_factory=_make_columns)

    def add(self, row: Row) -> None:
        """One more request."""
        for name, value in zip(Row._fields, row, strict=True):
            self.columns[name].append(value)

    def __len__(self) -> int:
        return len(self.columns["sent"])

    def __iter__(self) -> Iterator[Row]:
        return (Row(*values) for values in zip(*self.columns.values(), strict=True))

    def __getitem__(self, name: str) -> array[float]:
        return self.columns[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How the client itself did: seconds by which it sent later than planned, and by which its loop was late.

    `calibrated` are the seconds that its own reading of time to first token is off against a server of known timing at
    the same rate, nan where that was not tried. `limited` says why the run is bounded by the client, or is "".
    """

    send_lag_p50: float = nan
    send_lag_p99: float = nan
    loop_lag_p99: float = nan
    calibrated: float = nan
    cpu_seconds: float = nan
    memory_bytes: float = nan
    limited: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One stretch. `itl` are gaps in seconds, pooled, or a fair sample of at most some ten thousand of them.

    `meanwhile` are numbers of the node during it (energy in joules, clocks, the model's share on the GPU), by name.
    `errors` are the words of errors and how many had them. `created_at` is seconds since the epoch.
    """

    id: str
    created_at: float
    aim: Aim
    load: Load
    seconds: float
    rows: Columns
    itl: array[float]
    client: Client
    meanwhile: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    workload: str = ""
    token_source: TokenSource = ""
    #: True if somebody ended it before its time: it stands for what was measured so far.
    stopped: bool = False
