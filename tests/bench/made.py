"""Results that tests make: requests with times that are known."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from keepwell.bench.load import Aim, Load
from keepwell.bench.result import Client, Columns, Result, Row

AIM = Aim(url="http://127.0.0.1:8000", engine="engine:box/stub", node="box", kind="stub", model="m")


def make_row(at: float = 0.0, *, ttft: float = 0.02, gap: float = 0.005, tokens: int = 64, outcome: int = 0) -> Row:
    """A request whose tokens came one by one, sent when it was due."""
    first = at + ttft
    last = first + gap * (tokens - 1)
    return Row(
        planned=at,
        sent=at,
        first=first,
        last=last,
        ended=last + 0.001,
        input_tokens=16.0,
        output_tokens=float(tokens),
        events=float(tokens),
        outcome=float(outcome),
    )


def make_result(
    rows: Sequence[Row],
    *,
    load: Load | None = None,
    itl: Sequence[float] = (),
    meanwhile: Mapping[str, float] | None = None,
) -> Result:
    """A result of these requests."""
    columns = Columns()
    for one in rows:
        columns.add(one)
    return Result(
        id="bench-made",
        created_at=1_800_000_000.0,
        aim=AIM,
        load=load or Load(clients=2),
        seconds=10.0,
        rows=columns,
        itl=array("d", itl),
        client=Client(send_lag_p99=0.0001, loop_lag_p99=0.0002),
        meanwhile=meanwhile or {},
    )
