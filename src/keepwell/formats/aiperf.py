"""AIPerf's `profile_export.jsonl`: one request a line, as release 0.13 writes it. Pure.

{"metadata": {"credit_issued_ns": ..., "request_start_ns": ..., "request_end_ns": ..., "benchmark_phase": "profiling"},
 "metrics": {"time_to_first_token": {"value": 24.9, "unit": "ms"}, "inter_chunk_latency": {"value": [4.5], ...}, ...}}
"""

from __future__ import annotations

from math import isnan, nan

from keepwell.formats.foreign_bench import MOST, ForeignRow, ForeignRun, Found, parse_json

TOOL = "AIPerf"
#: Factors to seconds.
_UNITS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "us": 1e-6, "ns": 1e-9, "": 1.0}
NOTES = (
    "AIPerf sends a request up to some milliseconds after it was due; ttft is from its send, ttft_due from its plan",
    "AIPerf counts tokens anew unless told otherwise; here the server's own counts are taken where it kept them",
)


def is_aiperf(first: Found) -> bool:
    """True if this is the first line of such a file."""
    return first.has("metadata", "metrics")


def is_aiperf_summary(found: Found) -> bool:
    """True for `profile_export_aiperf.json`, which holds sums alone."""
    return found.has("aiperf_version", "request_count")


def parse_aiperf(content: bytes) -> ForeignRun:
    """The run. Raises ValueError with the line and place of what does not fit."""
    rows: list[ForeignRow] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        if len(rows) >= MOST:
            raise ValueError(f"line {number}: more than {MOST} requests")
        found = parse_json(line, f"line {number}")
        metadata = found.inside("metadata")
        if metadata.text("benchmark_phase") in ("", "profiling"):
            rows.append(_parse_row(metadata, found))
    starts = [one.sent for one in rows if not isnan(one.sent)]
    return ForeignRun(tool=TOOL, rows=tuple(rows), at=min(starts, default=0.0), notes=NOTES)


def _parse_row(metadata: Found, found: Found) -> ForeignRow:
    metrics = found.inside("metrics")
    sent, ended = metadata.number("request_start_ns", 1e-9), metadata.number("request_end_ns", 1e-9)
    first = sent + _read(metrics, "time_to_first_token")
    gaps = _read_list(metrics, "inter_chunk_latency")
    output = _read(metrics, "usage_completion_tokens")
    if isnan(output):
        output = _read(metrics, "output_sequence_length")
    sent_tokens = _read(metrics, "usage_prompt_tokens")
    if isnan(sent_tokens):
        sent_tokens = _read(metrics, "input_sequence_length")
    events = nan
    if gaps:
        events = float(len(gaps) + 1)
    error = found.get("error")
    said = ""
    if error or metadata.get("was_cancelled") is True:
        said = _describe(error)
    return ForeignRow(
        planned=metadata.number("credit_issued_ns", 1e-9),
        sent=sent,
        first=first,
        last=first + sum(gaps),
        ended=ended,
        input_tokens=sent_tokens,
        output_tokens=output,
        events=events,
        error=said,
        gaps=gaps,
    )


def _describe(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error.get("type") or "failed")[:300]
    return str(error or "cancelled")[:300]


def _read(metrics: Found, name: str) -> float:
    one = metrics.inside(name)
    return one.number("value", _factor(one))


def _read_list(metrics: Found, name: str) -> tuple[float, ...]:
    one = metrics.inside(name)
    return tuple(value for value in one.numbers("value", _factor(one)) if not isnan(value))


def _factor(one: Found) -> float:
    """To seconds; counts stay as they are."""
    return _UNITS.get(one.text("unit"), 1.0)
