"""GuideLLM's report as JSON, as release 0.8 writes it: benchmarks, each with its requests. Pure.

{"metadata": {"guidellm_version": "0.8.1"}, "benchmarks": [{"config": {"strategy": {"type_": "constant", "rate": 4.0}},
 "requests": {"successful": [{"info": {"timings": {"request_start": ...}}, "output_tokens": 16}], "errored": [...]}}]}
"""

from __future__ import annotations

from math import isnan, nan

from keepwell.formats.foreign_bench import ForeignRow, ForeignRun, Found

TOOL = "GuideLLM"
NOTES = (
    "GuideLLM's own time per output token counts the first token in; tpot here does not (last - first) / (tokens - 1)",
    "GuideLLM's inter-token latency is a mean a request; it keeps no single gaps, so that itl is not known here",
    "GuideLLM cancels what is under way when its time is over; such requests are left out",
)


def is_guidellm(found: Found) -> bool:
    """True if this is such a report."""
    return found.has("benchmarks", "metadata")


def parse_guidellm(found: Found) -> list[ForeignRun]:
    """Its benchmarks. Raises ValueError with the place of what does not fit, and where it holds no requests."""
    metadata = found.inside("metadata")
    runs = [_parse_one(one, metadata.text("guidellm_version")) for one in found.objects("benchmarks")]
    if not any(one.rows for one in runs):
        raise ValueError("it holds no requests: let it keep them (sample_size of its metrics)")
    return runs


def _parse_one(found: Found, version: str) -> ForeignRun:
    requests = found.inside("requests")
    rows = [_parse_row(one) for one in requests.objects("successful")]
    rows += [_parse_row(one, failed=True) for one in requests.objects("errored")]
    strategy = found.inside("config").inside("strategy")
    rate = strategy.number("rate")
    clients = strategy.number("streams")
    start = found.number("start_time")
    return ForeignRun(
        tool=TOOL,
        version=version,
        rows=tuple(rows),
        load=strategy.text("type_"),
        rate=_or_zero(rate),
        clients=int(_or_zero(clients)),
        at=_or_zero(start),
        notes=NOTES,
    )


def _parse_row(found: Found, *, failed: bool = False) -> ForeignRow:
    info = found.inside("info")
    timings = info.inside("timings")
    sent = timings.number("request_start")
    if isnan(sent):
        sent = timings.number("resolve_start")
    ended = timings.number("request_end")
    if isnan(ended):
        ended = timings.number("resolve_end")
    error = ""
    if failed:
        error = str(info.get("error") or "failed")[:300]
    events = timings.number("token_iterations")
    if not events:
        events = nan
    return ForeignRow(
        planned=timings.number("targeted_start"),
        sent=sent,
        first=timings.number("first_token_iteration"),
        last=timings.number("last_token_iteration"),
        ended=ended,
        input_tokens=found.number("prompt_tokens"),
        output_tokens=found.number("output_tokens"),
        events=events,
        error=error,
    )


def _or_zero(number: float) -> float:
    if isnan(number):
        return 0.0
    return number
