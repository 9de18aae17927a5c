"""Reads series from texts: a table with a column of times (CSV), or an answer of Prometheus's query_range. Pure."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo

from keepwell.core.errors import ConfigurationError
from keepwell.series.sample import Series, make_series

#: Bytes of a file of series: a thousand series of ten thousand samples.
SERIES_BYTES = 256 * 1024 * 1024
#: Names of a table's column of times, lower case; else it is the first column.
TIME_NAMES = ("time", "timestamp", "date", "datetime", "ts", "unix_timestamp", "at")
#: From this on a number is milliseconds since the epoch, microseconds, nanoseconds: seconds reach it in the year 5138.
MILLISECONDS = 1e11
#: Rows of a table with a time that cannot be read: more than this share, and the file is something else.
UNREADABLE_SHARE = 0.5
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?\Z")


def parse_series(content: bytes, where: str, zone: tzinfo | None) -> tuple[Series, ...]:
    """Every series in a file, by its form; times without a zone are in `zone`, None is where keepwell runs.

    Raises ConfigurationError that says what was expected, for a file that is neither form or holds no series.
    """
    text = content.decode("utf-8-sig", "replace")
    try:
        found = _by_form(text, zone)
    except ValueError as error:
        raise ConfigurationError(f"no series can be read: {error}", where=where, hint=_HINT) from error
    if not found:
        raise ConfigurationError("it holds no series", where=where, hint=_HINT)
    return tuple(make_series(name, samples) for name, samples in found.items())


_HINT = "give a CSV table with a column of times, or what Prometheus's /api/v1/query_range answers"


def parse_instant(text: str, series: Iterable[Series], zone: tzinfo | None) -> float:
    """Seconds since the epoch of a time as people write it: a date and time, seconds, or HH:MM on the last day
    that was measured. Raises ConfigurationError for anything else.
    """
    last = max((one.times[-1] for one in series if one.times), default=0.0)
    clock = _CLOCK.match(text.strip())
    if clock is None:
        at = _instant(text.strip(), zone)
        if at is None:
            raise ConfigurationError(f"{text!r} is no time", hint="write 2026-01-31T10:02, 10:02, or seconds")
        return at
    try:
        day = datetime.fromtimestamp(last, zone)
        then = day.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"{text!r} is no time of day", hint="write 10:02") from error
    if then.timestamp() > last:
        then -= timedelta(days=1)
    return then.timestamp()


def _by_form(text: str, zone: tzinfo | None) -> dict[str, list[tuple[float, float]]]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _parse_answer(json.loads(text))
        except RecursionError as error:
            raise ValueError("nested too deep") from error
    return _parse_table(text, zone)


def _parse_answer(answer: object) -> dict[str, list[tuple[float, float]]]:
    """The samples of a matrix; the name of a series is its metric with its labels."""
    if isinstance(answer, Mapping) and answer.get("status") == "error":
        raise ValueError(f"Prometheus says {answer.get('error')!r}")
    rows: object = answer
    for key in ("data", "result"):
        if isinstance(rows, Mapping):
            rows = rows.get(key, rows)
    if not isinstance(rows, list):
        raise ValueError("this JSON has no data.result with a matrix")
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if not isinstance(row, Mapping) or not isinstance(row.get("values"), list):
            raise ValueError("this JSON holds no matrix: ask query_range, not query")
        samples = found.setdefault(_name(row.get("metric")), [])
        for pair in row["values"]:
            if isinstance(pair, list) and len(pair) == 2:
                samples.append((_number(pair[0]), _number(pair[1])))
    return found


def _name(labels: object) -> str:
    if not isinstance(labels, Mapping):
        return "series"
    rest = [f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__"]
    braces = "{" + ", ".join(rest) + "}"
    return f"{labels.get('__name__', '')}{braces * bool(rest)}" or "series"


def _parse_table(text: str, zone: tzinfo | None) -> dict[str, list[tuple[float, float]]]:
    """The columns of a table by their names; cells that hold no number are gaps."""
    lines = text.splitlines()
    if len(lines) < 2:
        raise ValueError("a table needs a line of names and lines of numbers")
    try:
        separator = csv.Sniffer().sniff(lines[0], ",;\t").delimiter
    except csv.Error:
        separator = ","
    try:
        rows = list(csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    names = [one.strip() for one in rows[0]]
    if len(names) < 2:
        raise ValueError("a table needs a column of times and one of numbers")
    times = next((index for index, name in enumerate(names) if name.lower() in TIME_NAMES), 0)
    found: dict[str, list[tuple[float, float]]] = {name: [] for index, name in enumerate(names) if index != times}
    unread = 0
    for row in rows[1:]:
        at = _instant("".join(row[times : times + 1]).strip(), zone)
        unread += at is None
        if at is not None:
            for name, cell in zip(names, row, strict=False):
                if name in found:
                    found[name].append((at, _number(cell)))
    if unread > UNREADABLE_SHARE * (len(rows) - 1):
        raise ValueError(f"the column {names[times]!r} holds no times")
    return {name: samples for name, samples in found.items() if any(math.isfinite(one) for _, one in samples)}


def _instant(text: str, zone: tzinfo | None) -> float | None:
    """Seconds since the epoch of a number or a date; None for neither."""
    number = _number(text)
    if math.isfinite(number):
        while abs(number) >= MILLISECONDS:
            number /= 1000
        return number
    try:
        then = datetime.fromisoformat(text)
        if then.tzinfo is None:
            then = then.replace(tzinfo=zone)
        return then.timestamp()
    except (ValueError, OverflowError):
        return None


def _number(cell: object) -> float:
    """The number in a cell; not-a-number where there is none, so that it is a gap."""
    try:
        return float(str(cell))
    except (ValueError, OverflowError):
        return math.nan
