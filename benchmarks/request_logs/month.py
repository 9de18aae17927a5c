"""Thirty days of requests: how large they are, and how long it takes to ask for their quantiles or for one of them."""

from __future__ import annotations

import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from keepwell.store.request_log import Quantiles
from keepwell.store.requestlog.files import RequestFiles
from keepwell.store.requests import COLUMNS
from request_logs.made import Maker

#: The beginning of a month, in seconds since the epoch, and the span that is filled.
BEGIN, SECONDS = 1_793_491_200.0, 30 * 86400.0
#: Rows of one commit.
TOGETHER = 20_000
SHARES = (0.5, 0.95, 0.99)
_ROUTE, _AT, _FIRST = (COLUMNS.index(name) for name in ("route", "at", "first_byte_seconds"))
_OUTCOME = COLUMNS.index("outcome")
#: Asks in a process of its own, as the command line would; says how long the question took without starting Python.
ASKER = f"""
import sys, time
from pathlib import Path
from keepwell.store.request_log import Quantiles
from keepwell.store.requestlog.files import RequestFiles
log = RequestFiles(Path(sys.argv[1]))
began = time.perf_counter()
found = log.quantiles(Quantiles(measure="ttft", since={BEGIN}, until={BEGIN + SECONDS}))
print(time.perf_counter() - began, len(found))
"""


def fill(folder: Path, rows: int, tell: Callable[[str], None]) -> dict[str, object]:
    """Fill a log; its figures."""
    maker, wall = Maker(2), [BEGIN]
    log = RequestFiles(folder, lambda: wall[0])
    cost, done = 0.0, 0
    while done < rows:
        count = min(TOGETHER, rows - done)
        wall[0] = BEGIN + SECONDS * done / rows
        made = maker.make(count, wall[0], SECONDS * count / rows)
        began = time.process_time()
        log.add(made)
        cost += time.process_time() - began
        done += count
        if done % (50 * TOGETHER) == 0:
            log.tend()
            tell(f"{done:,} rows")
    log.tend()
    log.close()
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {"rows": rows, "MB": size / 1e6, "bytes a row": size / rows, "us a row to add": cost / rows * 1e6}


def ask(folder: Path, rows: int) -> dict[str, object]:
    """Quantiles by route and hour in fresh processes, their error, and one request by id."""
    times = []
    groups = 0
    for _ in range(5):
        told = subprocess.run([sys.executable, "-c", ASKER, str(folder)], capture_output=True, text=True, check=True)
        seconds, count = told.stdout.split()
        times.append(float(seconds))
        groups = int(count)
    log = RequestFiles(folder)
    figures: dict[str, object] = {"groups": groups, "30 days ms": min(times) * 1000, "first ms": times[0] * 1000}
    figures["largest error %"] = _find_error(log) * 100
    dice = random.Random(3)
    took = []
    for _ in range(200):
        number = dice.randrange(1, rows + 1)
        began = time.perf_counter()
        (row,) = log.find(number)
        took.append(time.perf_counter() - began)
        assert row.id == number
    figures |= {"by id p50 ms": statistics.median(took) * 1000, "by id max ms": max(took) * 1000}
    began = time.perf_counter()
    log.quantiles(Quantiles(measure="ttft", since=BEGIN, until=BEGIN + SECONDS, by=("route",)))
    figures["30 days by route ms"] = (time.perf_counter() - began) * 1000
    log.close()
    return figures


def ask_duckdb(path: Path, rows: int) -> dict[str, object]:
    """The same question to DuckDB over the rows themselves, four columns of them; the file stays open."""
    try:
        import duckdb
        import pyarrow
    except ImportError:
        return {}
    maker, done = Maker(2), 0
    with closing(duckdb.connect(str(path))) as raw:
        raw.execute("SET threads = 2")
        raw.execute("CREATE TABLE request (id BIGINT, route VARCHAR, came DOUBLE, first DOUBLE)")
        while done < rows:
            count = min(TOGETHER, rows - done)
            made = maker.make(count, BEGIN + SECONDS * done / rows, SECONDS * count / rows)
            well = [row for row in made if not row[_OUTCOME]]
            columns = [[row[place] for row in well] for place in (0, _ROUTE, _AT, _FIRST)]
            raw.register("made", pyarrow.table(columns, names=["id", "route", "came", "first"]))
            raw.execute("INSERT INTO request SELECT * FROM made")
            raw.unregister("made")
            done += count
        raw.execute("CHECKPOINT")
        query = "SELECT route, floor(came / 3600), quantile_cont(first, [0.5, 0.95, 0.99]) FROM request GROUP BY 1, 2"
        times, by_id = [], []
        for place in range(5):
            began = time.perf_counter()
            raw.execute(query).fetchall()
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
            raw.execute("SELECT * FROM request WHERE id = ?", [place * rows // 5 + 7]).fetchall()
            by_id.append(time.perf_counter() - began)
        return {"30 days ms": min(times) * 1000, "by id p50 ms": statistics.median(by_id) * 1000}


def _find_error(log: RequestFiles) -> float:
    """The largest relative error of any quantile in some hours, against the rows of those hours."""
    worst = 0.0
    for hour in range(0, int(SECONDS // 3600), 97):
        since = BEGIN + hour * 3600.0
        exact: dict[str, list[float]] = {}
        for row in log.between(since, since + 3600.0):
            if not row.outcome:
                exact.setdefault(row.route, []).append(row.first_byte_seconds)
        for found in log.quantiles(Quantiles(measure="ttft", since=since, until=since + 3600.0, shares=SHARES)):
            values = sorted(exact[found.route])
            assert found.count == len(values)
            for share, value in zip(SHARES, found.values, strict=True):
                true = values[max(1, math.ceil(share * len(values) - 1e-9)) - 1]
                worst = max(worst, abs(value - true) / true)
    return worst
