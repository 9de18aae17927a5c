"""How fast the catalogue's signatures are found in a log, beside ripgrep and Python's `re` on the same bytes.

    python benchmarks/scan.py [--megabytes 500] [--seed 1] [--log FILE]

Makes a log of the lines that inference servers write (or takes FILE), a thousandth of it errors that the
catalogue knows, then scans it three ways with what a user has installed. CPU seconds of one core are what is
compared; the log is read from the page cache. Prints MB/s (a megabyte is 10**6 bytes) and how many times
as fast as the others keepwell is. ripgrep gets the texts that the signatures hold, as fixed strings: an
easier job, for it need not say which signature it was. `re` gets a small part: all of it would take hours.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.reading import open_text
from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.scan.clean import read_blocks
from keepwell.scan.ends import fills_window
from keepwell.scan.pattern import compile_pattern
from keepwell.scan.scanner import Scanner

#: Bytes that one program writes before the next one's log follows (several logs one after the other).
PROGRAM_BYTES = 5_000_000
#: Lines made once and then repeated in random order: making 500 MB of fresh ones takes longer than all scans.
POOL_LINES = 5_000
#: One line in so many is an error that the catalogue knows.
ERROR_EVERY = 1000
#: Each way is run so often, the best counts: what else runs on the machine only ever slows.
RUNS = 3
#: Bytes that `re` is given.
REGEX_BYTES = 1_000_000

#: Programs by their shape of ordinary lines, with each one's share of the log.
SHAPES: tuple[tuple[int, str], ...] = (
    (28, '[GIN] 2026/03/{day:02d} - {clock} | 200 | {seconds:.3f}ms | 10.0.{b}.{c} | POST     "/api/chat"'),
    (
        18,
        "time=2026-03-{day:02d}T{clock}.{n:03d}Z level=INFO source=sched.go:{n} "
        'msg="model is resident" slots={b} pid={pid}',
    ),
    (
        20,
        "slot update_slots: id {b:2d} | task {pid} | prompt done, n_past = {n}, n_tokens = {c}, "
        "progress = 0.{n:03d}000",
    ),
    (
        15,
        "INFO 03-{day:02d} {clock} [loggers.py:{n}] Engine 000: Avg prompt throughput: {n}.{b} tokens/s, "
        "Running: {b} reqs",
    ),
    (
        15,
        '10.0.{b}.{c} - - [{day:02d}/Mar/2026:{clock} +0000] "POST /v1/completions HTTP/1.1" 200 {pid} '
        '"-" "client/1.{b}"',
    ),
    (10, "Mar {day:2d} {clock} box{b} llama-server[{pid}]: srv  log_server_r: request: GET /health 10.0.{b}.{c} 200"),
    (
        8,
        '{{"log":"time=2026-03-{day:02d}T{clock}.{n:03d}Z level=INFO source=server.go:{n} msg=\\"request done\\" '
        'seconds={seconds:.3f}\\n","stream":"stderr","time":"2026-03-{day:02d}T{clock}.{pid:09d}Z"}}',
    ),
    (6, '\x1b[32mINFO\x1b[0m:     10.0.{b}.{c}:{pid} - "POST /v1/chat/completions HTTP/1.1" \x1b[32m200 OK\x1b[0m'),
)


def main() -> int:
    """Make the log, scan it, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    catalogue = load_catalogue()
    with tempfile.TemporaryDirectory() as folder:
        log = options.log
        if log is None:
            log = Path(folder) / "made.log"
            make_log(log, options.megabytes * 1_000_000, catalogue, options.seed)
        size = log.stat().st_size
        print(f"{size / 1e6:.0f} MB, {len(catalogue.issues)} issues, {len(catalogue.signatures)} signatures")
        compare(log, size, catalogue, Path(folder))
    return 0


def compare(log: Path, size: int, catalogue: Catalogue, folder: Path) -> None:
    """Run each way and print the figures."""
    started = time.perf_counter()
    scanner = Scanner(
        list(catalogue.signatures.values()), faults=catalogue.faults, once=catalogue.presences, matcher="hyperscan"
    )
    print(f"database ready in {time.perf_counter() - started:.2f} s (compiled, or loaded from the cache)")
    own = show("keepwell", size, lambda: f"{sum(hit.count for hit in scanner.scan(chunks(log)).hits.values())} hits")
    show("  of which reading", size, lambda: str(sum(len(chunk) for chunk in chunks(log))))
    show("  ... and cleaning", size, lambda: str(sum(len(block.data) for block in read_blocks(chunks(log)))))
    if shutil.which("rg"):
        listed = folder / "texts"
        faults = [one for name, one in catalogue.signatures.items() if one.rare and name in catalogue.faults]
        listed.write_text("".join(sorted({f"{text}\n" for one in faults for text in one.leads if fills_window(text)})))
        for name, flags in (("rg -F", ["-F"]), ("rg -F -i", ["-F", "-i"])):
            other = show(
                name,
                size,
                lambda flags=flags: count_lines(["rg", *flags, "-a", "-c", "-j1", "-f", str(listed), str(log)]),
            )
            print(f"    keepwell is {own / other:.1f} times as fast")
    else:
        print("rg is not installed (Debian: apt install ripgrep): left out")
    part = log.read_bytes()[:REGEX_BYTES]
    other = show(
        "re, one by one",
        len(part),
        lambda: str(sum(len(list(compile_pattern(one).finditer(part))) for one in catalogue.signatures)),
        runs=1,
    )
    print(f"    keepwell is {own / other:.0f} times as fast")


def show(name: str, size: int, work: Callable[[], str], runs: int = RUNS) -> float:
    """Do the work a few times, print the best MB/s of CPU time (and of wall time), give the first."""
    best_cpu = best_wall = float("inf")
    for _ in range(runs):
        cpu, wall = cpu_seconds(), time.perf_counter()
        said = work()
        best_cpu = min(best_cpu, cpu_seconds() - cpu)
        best_wall = min(best_wall, time.perf_counter() - wall)
    print(f"{name:20} {size / 1e6 / best_cpu:8.1f} MB/s of CPU  {size / 1e6 / best_wall:8.1f} MB/s of wall   {said}")
    return size / 1e6 / best_cpu


def cpu_seconds() -> float:
    """CPU time of this process and the children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def count_lines(argv: list[str]) -> str:
    """What a counting grep says; exit 1 means no line at all."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        raise RuntimeError(f"{argv[0]} failed: {done.stderr[:200]}")
    return f"{done.stdout.strip() or 0} lines"


def chunks(path: Path) -> Iterator[bytes]:
    """The file in pieces, read as `keepwell diagnose` reads it."""
    with open_text(Caller(), str(path)) as source:
        yield from source.chunks()


def make_log(path: Path, size: int, catalogue: Catalogue, seed: int) -> None:
    """Write about `size` bytes of ordinary lines with a thousandth of errors taken from the issues' own cases."""
    rng = random.Random(seed)
    errors = [line for issue in catalogue.issues.values() for case in issue.cases for line in case.text.splitlines()]
    programs = [shape for share, shape in SHAPES for _ in range(share)]
    rng.shuffle(programs)
    written = 0
    with path.open("wb") as file:
        for shape in itertools.cycle(programs):
            pool = [(make_line(rng, shape) + "\n").encode() for _ in range(POOL_LINES)]
            end = min(size, written + PROGRAM_BYTES)
            while written < end:
                lines = rng.choices(pool, k=ERROR_EVERY - 1)
                lines.append((rng.choice(errors) + "\n").encode())
                written += file.write(b"".join(lines))
            if written >= size:
                return


def make_line(rng: random.Random, shape: str) -> str:
    """One ordinary line of a shape."""
    clock = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"
    return shape.format(
        day=rng.randrange(1, 29),
        clock=clock,
        n=rng.randrange(1000),
        b=rng.randrange(16),
        c=rng.randrange(256),
        pid=rng.randrange(1000, 60000),
        seconds=rng.random() * 900,
    )


if __name__ == "__main__":
    sys.exit(main())
