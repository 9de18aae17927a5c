"""Which rows an export has: requests of the record, and points of series."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import BinaryIO

from keepwell.app.exporting import Counted, ExportReport, write_file, write_rows
from keepwell.app.hub.opening import open_log
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.config.shapes import duration
from keepwell.core.errors import ConfigurationError
from keepwell.core.series import Point, SeriesKey
from keepwell.store.request_log import RequestLog
from keepwell.store.requests import RequestRow
from keepwell.store.series_files import DAY, DAYS
from keepwell.store.series_log import HOUR, MINUTE, SeriesLog

#: What CSV and Parquet can be made of.
CSV_OF, PARQUET_OF = ("requests", "devices", "series"), ("requests", "series")
USED, MEMORY = "device.utilisation_ratio", "device.memory_used_bytes"


def export_csv(caller: Caller, *, what: str, out: str, since: str, about: str) -> ExportReport | None:
    """Rows since a time like 24h, about one subject where that is given. Raises ConfigurationError, AccessError."""
    from keepwell.export.tables import DEVICE_COLUMNS, REQUEST_COLUMNS, SERIES_COLUMNS, render_csv

    require_one_of(what, CSV_OF)
    state, now = find_state(caller), time.time()
    begin = now - read_since(since)
    columns = {"requests": REQUEST_COLUMNS, "devices": DEVICE_COLUMNS, "series": SERIES_COLUMNS}[what]
    with closing(open_log(caller)) as log:
        sources: dict[str, Callable[[Path, float, float, str], Iterator[tuple[str, ...]]]]
        sources = {"requests": partial(_requests, log), "devices": _devices, "series": _series}
        rows = Counted(sources[what](state, begin, now, about))
        return write_rows(caller, out, render_csv(columns, rows), rows.count, f"csv {what}")


def export_parquet(caller: Caller, *, what: str, out: str, since: str, about: str) -> ExportReport:
    """As `export_csv`, all columns; always into a file."""
    from keepwell.export.parquet import REQUESTS, SERIES, request_rows, series_rows, write_parquet

    require_one_of(what, PARQUET_OF)
    state, now = find_state(caller), time.time()
    begin = now - read_since(since)
    written = 0

    def write(file: BinaryIO) -> None:
        nonlocal written
        if what == "requests":
            with closing(open_log(caller)) as log:
                written = write_parquet(file, REQUESTS, request_rows(each_request(log, state, begin, now, about)))
            return
        spans = each_series(state, begin, now, about)
        written = write_parquet(file, SERIES, (row for key, points in spans for row in series_rows(key, points)))

    path = write_file(Path(out), write)
    return ExportReport(what=f"parquet {what}", files=(path,), rows=written)


def each_request(log: RequestLog, state: Path, begin: float, until: float, about: str) -> Iterator[RequestRow]:
    """Requests in order of their coming; `about` is a route or a model's name."""
    from keepwell.store.requestlog.whole import each_request as each

    for row in each(state, begin, until, log):
        if not about or about in (row.route, row.asked, row.answered):
            yield row


def each_series(state: Path, begin: float, until: float, about: str) -> Iterator[tuple[SeriesKey, tuple[Point, ...]]]:
    """Series with their points, of minutes where those are still kept, else of hours."""
    log = _open(state)
    try:
        for key in log.keys(subject=about):
            points = log.points(key, begin, until, find_step(until - begin))
            if points:
                yield key, points
    finally:
        log.close()


def find_step(seconds: float) -> float:
    """Minutes as long as they are kept."""
    return {True: MINUTE, False: HOUR}[seconds <= DAYS * DAY]


def read_since(since: str) -> float:
    """Seconds of a time like 24h. Raises ConfigurationError."""
    try:
        return duration(since)
    except ValueError as error:
        raise ConfigurationError(f"--since {since!r} is no time", hint=f"write {error}") from error


def require_one_of(what: str, words: tuple[str, ...]) -> None:
    """ConfigurationError for another word."""
    if what not in words:
        raise ConfigurationError(f"there is no {what!r} to export", hint=f"one of {', '.join(words)}")


def _requests(log: RequestLog, state: Path, begin: float, until: float, about: str) -> Iterator[tuple[str, ...]]:
    from keepwell.export.tables import request_lines

    return request_lines(each_request(log, state, begin, until, about))


def _series(state: Path, begin: float, until: float, about: str) -> Iterator[tuple[str, ...]]:
    from keepwell.export.tables import series_lines

    for key, points in each_series(state, begin, until, about):
        yield from series_lines(key, points)


def _devices(state: Path, begin: float, until: float, about: str) -> Iterator[tuple[str, ...]]:
    from keepwell.export.tables import device_lines

    log = _open(state)
    try:
        device = _find_device(log, about)
        step = find_step(until - begin)
        used, memory = (log.points(SeriesKey(name, device), begin, until, step) for name in (USED, MEMORY))
        yield from device_lines(used, memory)
    finally:
        log.close()


def _find_device(log: SeriesLog, about: str) -> str:
    """The one that is meant: the shape has no column for which. Raises ConfigurationError where that is not clear."""
    devices = sorted({key.subject for name in (USED, MEMORY) for key in log.keys(name, about)})
    if len(devices) == 1:
        return devices[0]
    if not devices:
        hint = "keepwell series lists what is collected; keepwell up collects"
        raise ConfigurationError("no numbers of a GPU are kept" + f" about {about}" * bool(about), hint=hint)
    hint = f"choose one: --about {devices[0]}"
    raise ConfigurationError(f"there are {len(devices)} devices: {', '.join(devices[:10])}", hint=hint)


def _open(state: Path) -> SeriesLog:
    from keepwell.app.hub.opening import open_series

    return open_series(state)
