"""What the log of requests costs: to write, to ask, and in bytes; beside SQLite as it is and DuckDB, in the same run.

    python benchmarks/request_log.py [--seconds 60] [--rate 10000] [--rows 10000000] [--kills 50] [--json FILE]
                                     [--folder FOLDER] [--no-peers]

Four parts: (1) rows come at a rate, 1,000 a commit, while two other processes read (the newest 100; quantiles of the
last minutes by route and minute): the writer's share of a core, sketches included. (2) Writers end by kill -9 at
any instant: what they had acknowledged must be there, once, and counted. (3) Thirty days of rows, a tenth of them
failures, 12 models on 10 nodes: bytes a row of all files. (4) p50, p95 and p99 of the time to the first token by model
by hour over them, in a fresh process, and one request by its id. Bars are those that the log was built for; exits 1
where one is missed. DuckDB lets no other process read while one writes, so it has no readers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from request_logs.append import append_all, kill_often
from request_logs.month import ask, ask_duckdb, fill

#: Part, figure, and the most that it may be.
BARS = (
    ("append", "% of a core", 20.0),
    ("kill", "lost", 0),
    ("kill", "twice", 0),
    ("kill", "counted wrongly", 0),
    ("kill", "damaged files", 0),
    ("fill", "bytes a row", 130.0),
    ("ask", "30 days ms", 300.0),
    ("ask", "largest error %", 1.0),
    ("ask", "by id p50 ms", 5.0),
)


def main() -> int:
    """Run all parts and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long rows come; 0 leaves that out")
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of thirty days; 0 leaves that out")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder, if none is named")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    found = measure(options)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    missed = list(find_missed(found))
    print("\n" + "\n".join([f"MISSED: {line}" for line in missed] or ["all bars held"]))
    return int(bool(missed))


def measure(options: argparse.Namespace) -> dict[str, list[dict[str, object]]]:
    """The figures of each part."""
    found: dict[str, list[dict[str, object]]] = {}
    if options.seconds:
        found["append"] = append_all(options.seconds, options.rate, peers=not options.no_peers)
        show(f"{options.rate:,} rows/s for {options.seconds:g} s, two readers", found["append"])
    if options.kills:
        found["kill"] = [kill_often(options.kills, 1)]
        show("kill -9 of the writer", found["kill"])
    if options.rows:
        if options.folder is not None:
            options.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=options.folder))
        try:
            found["fill"] = [fill(folder / "log", options.rows, note)]
            show("thirty days", found["fill"])
            found["ask"] = [{"store": "keepwell log", **ask(folder / "log", options.rows)}]
            if not options.no_peers:
                found["ask"].append({"store": "duckdb, raw rows", **ask_duckdb(folder / "raw.duckdb", options.rows)})
            show("questions", found["ask"])
        finally:
            shutil.rmtree(folder)
    return found


def find_missed(found: Mapping[str, list[dict[str, object]]]) -> Iterable[str]:
    """Bars that were not held by the log itself, the first row of each part."""
    for part, name, most in BARS:
        if part in found and cast("float", found[part][0][name]) > most:
            yield f"{name} {found[part][0][name]:.4g}, bar {most:g}"


def show(title: str, rows: list[dict[str, object]]) -> None:
    """Print a table."""
    names = list(rows[0])
    cells = [names, *([_word(row.get(name, "-")) for name in names] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(names))]
    print(f"\n{title}")
    for row in cells:
        print("  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True)), flush=True)


def note(line: str) -> None:
    """Say how far it is."""
    print(line, file=sys.stderr, flush=True)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
