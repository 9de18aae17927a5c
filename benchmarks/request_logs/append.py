"""Ten thousand rows a second with two readers in other processes: what it costs the writer, and a kill -9."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from keepwell.store.request_log import Quantiles
from keepwell.store.requestlog.files import RequestFiles
from keepwell.store.requestlog.inbox import move
from keepwell.store.requests import COLUMNS, RequestRow, Values, add_rows, open_record
from request_logs.made import Maker

#: Rows of one commit: a tenth of a second of them.
BATCH = 1000
#: Seconds between two times that the log is tended, as the hub does it.
TEND_SECONDS = 10.0
#: A writer: adds some rows.
Add: TypeAlias = Callable[[Sequence[Values]], None]

READER = """
import sys, time
from pathlib import Path
from keepwell.store.request_log import Quantiles
from keepwell.store.requestlog.files import RequestFiles
log, what, end, took = RequestFiles(Path(sys.argv[1])), sys.argv[2], time.monotonic() + float(sys.argv[3]), []
while time.monotonic() < end:
    began = time.monotonic()
    if what == "newest":
        log.newest(last=100)
    else:
        now = time.time()
        log.quantiles(Quantiles(measure="ttft", since=now - 900, until=now + 60, by=("route", "minute")))
    took.append(time.monotonic() - began)
    time.sleep(0.2)
took.sort()
print(f"{took[len(took) // 2] * 1000:.1f} {took[-1] * 1000:.1f}")
"""
RAW_READER = """
import sqlite3, sys, time
end, took = time.monotonic() + float(sys.argv[3]), []
while time.monotonic() < end:
    began = time.monotonic()
    connection = sqlite3.connect(sys.argv[1], timeout=5)
    if sys.argv[2] == "newest":
        connection.execute("SELECT * FROM request ORDER BY row DESC LIMIT 100").fetchall()
    else:
        connection.execute("SELECT route, avg(first_byte_seconds) FROM (SELECT * FROM request ORDER BY row DESC"
                           " LIMIT 20000) GROUP BY route").fetchall()
    connection.close()
    took.append(time.monotonic() - began)
    time.sleep(0.2)
took.sort()
print(f"{took[len(took) // 2] * 1000:.1f} {took[-1] * 1000:.1f}")
"""
KILLED = """
import sys, time
from pathlib import Path
from request_logs.made import Maker
from keepwell.store.requestlog.files import RequestFiles
log, maker, count = RequestFiles(Path(sys.argv[1])), Maker(int(sys.argv[2])), 0
while True:
    rows = maker.make(100, time.time(), 0.01)
    log.add(rows)
    count += len(rows)
    if count % 5000 == 0:
        log.tend()
    sys.stdout.write(f"{rows[-1][0]}\\n")
    sys.stdout.flush()
"""


def append_all(seconds: float, rate: int, peers: bool) -> list[dict[str, object]]:
    """The log itself, the log behind the gateway's inbox, and peers; a row of figures each."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "log"
        log = RequestFiles(folder)
        found.append(_append("keepwell log", log.add, log.tend, (READER, str(folder)), seconds, rate))
        log.close()
    with tempfile.TemporaryDirectory() as name:
        folder, inbox = Path(name) / "log", Path(name) / "gateway" / "requests.db"
        log = RequestFiles(folder)
        with closing(open_record(inbox)) as connection:

            def through(rows: Sequence[Values]) -> None:
                add_rows(connection, rows, {})
                move(inbox, log)

            found.append(_append("gateway's inbox and log", through, log.tend, (READER, str(folder)), seconds, rate))
        log.close()
    if peers:
        found.extend(_append_peers(seconds, rate))
    return found


def kill_often(kills: int, seed: int) -> dict[str, object]:
    """Writers that are killed at any instant: acknowledged rows that are not there, rows that are there twice, and
    rows that the sketches count wrongly.
    """
    dice = random.Random(seed)
    lost = twice = acknowledged = wrong = damaged = 0
    for turn in range(kills):
        with tempfile.TemporaryDirectory() as name:
            arguments = [sys.executable, "-c", KILLED, name, str(turn)]
            here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
            writer = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=here)
            assert writer.stdout is not None
            last = int(writer.stdout.readline())
            time.sleep(dice.uniform(0.0, 0.6))
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read().split("\n")[:-1]  # what follows the last end of a line was not said whole
            writer.wait()
            last = int((rest or [last])[-1])
            log = RequestFiles(Path(name))
            ids = [row.id for _, row in log.after(0, 10**9)]
            lost += len(set(range(1, last + 1)) - set(ids))
            twice += len(ids) - len(set(ids))
            acknowledged += last
            question = Quantiles(measure="total", since=0.0, until=time.time() + 3600.0, by=())
            for _ in range(2):  # before and after the rest is put into sketches
                counted = sum(row.count for row in log.quantiles(question))
                wrong += abs(counted - sum(not row.outcome for _, row in log.after(0, 10**9)))
                log.tend()
            log.close()
            (path,) = Path(name).glob("*.db")
            with closing(sqlite3.connect(path)) as connection:
                damaged += connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok"
    names = ("kills", "acknowledged", "lost", "twice", "counted wrongly", "damaged files")
    return dict(zip(names, (kills, acknowledged, lost, twice, wrong, damaged), strict=True))


def _append_peers(seconds: float, rate: int) -> list[dict[str, object]]:
    found = []
    marks = ", ".join("?" * len(COLUMNS))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "raw.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute("PRAGMA journal_mode = WAL")
            raw.execute("PRAGMA synchronous = NORMAL")
            raw.execute(f"CREATE TABLE request (row INTEGER PRIMARY KEY, {', '.join(COLUMNS)})")
            raw.execute("CREATE INDEX by_time ON request (at)")
            raw.execute("CREATE INDEX by_id ON request (id)")

            def add(rows: Sequence[Values]) -> None:
                raw.execute("BEGIN IMMEDIATE")
                raw.executemany(f"INSERT INTO request ({', '.join(COLUMNS)}) VALUES ({marks})", rows)
                raw.execute("COMMIT")

            found.append(_append("sqlite3, text columns", add, _nothing, (RAW_READER, str(path)), seconds, rate))
    with tempfile.TemporaryDirectory() as name:
        found.extend(_append_duckdb(Path(name) / "raw.duckdb", seconds, rate))
    return found


def _append_duckdb(path: Path, seconds: float, rate: int) -> list[dict[str, object]]:
    """No other process may read while it writes: it has no readers."""
    try:
        import duckdb
        import pyarrow
    except ImportError:
        return []
    columns = ", ".join(f'"{name}" {_DUCKDB[RequestRow.__annotations__[name]]}' for name in COLUMNS)
    with closing(duckdb.connect(str(path))) as raw:
        raw.execute(f"CREATE TABLE request ({columns})")

        def add(rows: Sequence[Values]) -> None:
            made = pyarrow.table([list(one) for one in zip(*rows, strict=True)], names=list(COLUMNS))
            raw.register("made", made)
            raw.execute("INSERT INTO request SELECT * FROM made")
            raw.unregister("made")

        return [_append("duckdb, from Arrow, no readers", add, _nothing, None, seconds, rate)]


def _append(
    name: str, add: Add, tend: Callable[[], None], reader: tuple[str, str] | None, seconds: float, rate: int
) -> dict[str, object]:
    maker = Maker(1)
    batches = [maker.make(BATCH, 0.0, 0.0) for _ in range(20)]
    offset = _AT
    add([_moved(row, time.time(), offset) for row in batches[0]])
    readers = []
    if reader is not None:
        for what in ("newest", "sums"):
            arguments = [sys.executable, "-c", reader[0], reader[1], what, str(seconds)]
            readers.append(subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True))
    took, behind, cost, number = [], 0.0, 0.0, 0
    began = tended = time.monotonic()
    while time.monotonic() - began < seconds:
        due = began + number * BATCH / rate
        behind = max(behind, time.monotonic() - due)
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.time()
        rows = [_moved(row, now, offset) for row in batches[number % len(batches)]]
        before, instant = _cpu(), time.monotonic()
        add(rows)
        if instant - tended >= TEND_SECONDS:
            tended = instant
            tend()
        cost += _cpu() - before
        took.append(time.monotonic() - instant)
        number += 1
    whole = time.monotonic() - began
    told = [tuple(map(float, one.communicate()[0].split())) for one in readers]
    took.sort()
    figures: dict[str, object] = {
        "store": name,
        "rows/s": round(number * BATCH / whole),
        "% of a core": cost / whole * 100,
    }
    figures |= {"p50 ms": took[len(took) // 2] * 1000, "p99 ms": took[int(len(took) * 0.99)] * 1000}
    figures |= {"max ms": took[-1] * 1000, "behind s": behind}
    figures["readers p50/max ms"] = "  ".join(f"{middle:.0f}/{most:.0f}" for middle, most in told) or "-"
    return figures


_AT = COLUMNS.index("at")
_DUCKDB = {"int": "BIGINT", "float": "DOUBLE", "str": "VARCHAR", "bool": "BOOLEAN"}


def _moved(row: Values, at: float, place: int) -> Values:
    """The row at another time."""
    return (*row[:place], at, *row[place + 1 :])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _nothing() -> None:
    """Peers need no tending."""
