"""How long an answer to pasted text takes once keepwell is running.

    python benchmarks/answer.py [--rows FILE] [--rounds 3]

FILE holds JSON lines with "id" and "evidence", as for `python -m keepwell.diagnose.batch`; without it every case
of the catalogue's own issues is a row. Each row is answered once to warm up and then a few times more; its best
CPU time counts, since what else runs on the machine only ever slows. Prints median, P95 and the slowest, and
what starting costs: the catalogue, and the first answer, which loads the databases. Exits 1 if P95 is over 50 ms.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
from pathlib import Path

from keepwell.diagnose.batch import answer_all
from keepwell.diagnose.catalogue import Catalogue, load_catalogue

#: Seconds of CPU time that 95 of 100 answers may take.
BAR_SECONDS = 0.050


def main() -> int:
    """Answer every row and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    began = time.process_time()
    catalogue = load_catalogue()
    loaded = time.process_time() - began
    rows = read_rows(options.rows, catalogue)
    first = answer(rows[0], catalogue)
    print(f"{len(catalogue.issues)} issues loaded in {loaded:.2f} s, first answer in {first:.2f} s")
    cold = [answer(row, catalogue) for row in rows]
    show("first time", cold)
    warm = [min(answer(row, catalogue) for _ in range(options.rounds)) for row in rows]
    return int(show("best of later", warm) > BAR_SECONDS)


def read_rows(path: Path | None, catalogue: Catalogue) -> list[str]:
    """Lines of the file, or one of each case that is a text."""
    if path is not None:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    cases = [case for issue in catalogue.issues.values() for case in issue.cases if case.text]
    return [json.dumps({"id": case.name, "evidence": case.text}) for case in cases]


def answer(row: str, catalogue: Catalogue) -> float:
    """CPU seconds of one answer, JSON in and out."""
    began = time.process_time()
    answer_all(io.StringIO(row + "\n"), io.StringIO(), catalogue)
    return time.process_time() - began


def show(name: str, seconds: list[float]) -> float:
    """Print the figures of some answers; gives P95."""
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(
        f"{name:14} {len(seconds)} answers: median {statistics.median(seconds) * 1000:6.1f} ms, "
        f"P95 {p95 * 1000:6.1f} ms, slowest {max(seconds) * 1000:6.1f} ms of CPU"
    )
    return p95


if __name__ == "__main__":
    sys.exit(main())
