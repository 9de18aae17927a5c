"""Rows for files: what requests were and what devices did, as other programs want to read it. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from keepwell.core.series import Point, SeriesKey
from keepwell.core.text import escape_controls
from keepwell.store.requests import RequestRow

#: The shapes of CSV: speeds of requests, one device over time, and any series.
REQUEST_COLUMNS = ("timestamp", "model", "first_token_ms", "tokens_per_s")
DEVICE_COLUMNS = ("timestamp", "utilization", "memory")
SERIES_COLUMNS = ("timestamp", "metric", "about", "labels", "mean", "low", "high", "last", "samples")
_MEBIBYTE = 1024 * 1024


def describe_instant(at: float) -> str:
    """An instant in UTC, to the millisecond, as ISO 8601 has it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def request_lines(rows: Iterable[RequestRow]) -> Iterator[tuple[str, ...]]:
    """Requests that went well: when each came, which model answered, milliseconds to its first byte, and output tokens
    a second; "" where nobody knows.
    """
    for one in rows:
        if not one.outcome and one.status < 400:
            first = ""
            if one.first_byte_seconds >= 0:
                first = f"{one.first_byte_seconds * 1000:.1f}"
            yield describe_instant(one.at), escape_controls(one.answered or one.asked), first, _pace(one)


def device_lines(used: Iterable[Point], memory: Iterable[Point]) -> Iterator[tuple[str, ...]]:
    """Means of each span of one device: when it begins, percent of the time in which it worked, and MiB in use (units
    as nvidia-smi writes them); "" where there was no number.
    """
    percents = {one.at: f"{100 * one.mean:.1f}" for one in used}
    mebibytes = {one.at: f"{one.mean / _MEBIBYTE:.0f}" for one in memory}
    for at in sorted({*percents, *mebibytes}):
        yield describe_instant(at), percents.get(at, ""), mebibytes.get(at, "")


def series_lines(key: SeriesKey, points: Iterable[Point]) -> Iterator[tuple[str, ...]]:
    """Spans of one series; numbers as they are, in base units."""
    labels = describe_labels(key)
    for one in points:
        numbers = map(repr, (one.mean, one.low, one.high, one.last))
        yield describe_instant(one.at), key.metric, key.subject, labels, *numbers, str(one.samples)


def describe_labels(key: SeriesKey) -> str:
    """Labels as `name=value`, with commas."""
    return ",".join(f"{name}={escape_controls(value)}" for name, value in key.labels)


def render_csv(columns: Sequence[str], rows: Iterable[Sequence[str]], *, together: int = 500) -> Iterator[str]:
    """A CSV (RFC 4180, lines end in a line feed) in pieces of so many rows; its first line names the columns."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow(row)
        if number % together == 0:
            yield lines.getvalue()
            lines.seek(0)
            lines.truncate()
    yield lines.getvalue()


def _pace(one: RequestRow) -> str:
    """Output tokens a second, after the first where that is known; else over the time after the first byte."""
    if one.output_token_seconds > 0:
        return f"{1 / one.output_token_seconds:.2f}"
    seconds = one.total_seconds - max(0.0, one.first_byte_seconds)
    if one.output_tokens > 0 and seconds > 0:
        return f"{one.output_tokens / seconds:.2f}"
    return ""
