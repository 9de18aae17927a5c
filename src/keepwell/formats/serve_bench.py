"""What `vllm bench serve --save-result --save-detailed` writes: columns of requests, times in seconds. Pure.

{"date": "20260101-120000", "model_id": "m", "request_rate": 4.0, "max_concurrency": null, "duration": 12.1,
 "input_lens": [16], "output_lens": [64], "ttfts": [0.02], "itls": [[0.005, ...]], "start_times": [1.5],
     "errors": [""]}
"""

from __future__ import annotations

import calendar
import time
from math import fsum, isnan, nan

from keepwell.formats.foreign_bench import ForeignRow, ForeignRun, Found

TOOL = "bench serve"
NOTES = (
    "with a bound on requests under way its times begin behind that wait: they have coordinated omission, and when a "
    "request was due is not in its file",
)


def is_serve_bench(found: Found) -> bool:
    """True if this is such a file, with or without the columns of requests."""
    return found.has("duration", "total_input_tokens") and found.has("request_throughput")


def parse_serve_bench(found: Found) -> ForeignRun:
    """The run. Raises ValueError where requests are missing or columns are not of one length."""
    if not found.has("ttfts", "itls", "input_lens", "output_lens"):
        raise ValueError("it holds sums alone: let it write every request with --save-detailed")
    ttfts, itls = found.numbers("ttfts"), found.items("itls")
    inputs, outputs = found.numbers("input_lens"), found.numbers("output_lens")
    starts = found.numbers("start_times") or (nan,) * len(ttfts)
    errors = found.items("errors") or ("",) * len(ttfts)
    lengths = {len(one) for one in (ttfts, itls, inputs, outputs, starts, errors)}
    if len(lengths) != 1:
        raise ValueError("its columns (ttfts, itls, input_lens, output_lens, start_times, errors) differ in length")
    rows = []
    for number, gaps in enumerate(itls):
        own = Found({"itls": gaps}, f"itls[{number}]").numbers("itls")
        rows.append(_make_row(starts[number], ttfts[number], own, inputs[number], outputs[number], errors[number]))
    rate = 0.0
    if isinstance(found.get("request_rate"), int | float):
        rate = found.number("request_rate")
    clients = found.number("max_concurrency")
    if isnan(clients):
        clients = 0.0
    return ForeignRun(
        tool=TOOL,
        rows=tuple(rows),
        model=found.text("model_id"),
        rate=rate,
        clients=int(clients),
        at=_read_date(found.text("date")),
        notes=NOTES,
    )


def _make_row(
    start: float, ttft: float, gaps: tuple[float, ...], given: float, made: float, error: object
) -> ForeignRow:
    sent = start
    if isnan(sent):
        sent = 0.0
    said = ""
    if isinstance(error, str) and error:
        said = error.strip().rpartition("\n")[2][:300]
    first = last = ended = nan
    if not said and made > 0:
        first = sent + ttft
        last = ended = first + fsum(gaps)
    return ForeignRow(
        sent=sent,
        first=first,
        last=last,
        ended=ended,
        input_tokens=given,
        output_tokens=made,
        events=float(len(gaps) + 1),
        error=said or "no answer" * (not made > 0),
        gaps=gaps,
    )


def _read_date(text: str) -> float:
    """Seconds since the epoch, as if it were written in UTC; 0 for what is no date."""
    try:
        return float(calendar.timegm(time.strptime(text, "%Y%m%d-%H%M%S")))
    except ValueError:
        return 0.0
