"""What a batch costs beside the answers: CPU and memory an item, the share of the ideal rate, and how soon one that was
killed goes on. The server is the shipped stub, a process of its own; so is the run, so that its figures are its own.

    python benchmarks/batch.py cost 1000000      # a million lines, killed at nine tenths, gone on with
    python benchmarks/batch.py rate 2000         # so many lines of 34 ms at 32 at a time, beside the ideal
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keepwell.app.batching.preparing import keep_checked, prepare
from keepwell.app.batching.wish import BatchWish
from keepwell.batch.job import Target, Told
from keepwell.batch.runner import Run
from keepwell.store.batch_state import BatchBegin
from keepwell.store.batches import open_batch
from keepwell.transport.clock import SystemClock

AT_A_TIME = 32
#: Milliseconds of an answer in `rate`: 20 to the first token and 7 more of 2.
ANSWER_MS = 34.0
KILL_AT = 0.9


def main(words: list[str]) -> None:
    """One of the measurements, or (`child`) the run that it measures."""
    if words[0] == "child":
        asyncio.run(run_child(Path(words[1]), int(words[2])))
        return
    count = int(words[1])
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        write_input(folder / "in.jsonl", count)
        measure = {"cost": measure_cost, "rate": measure_rate}[words[0]]
        for line in measure(folder, count):
            print(line, flush=True)


def measure_cost(folder: Path, count: int) -> Iterator[str]:
    """CPU an item and memory on the way, then a kill and how long until the next question."""
    with stub(folder, 0.0) as port:
        child = start(folder, port)
        said: dict[str, float] = {}
        for line in child.stdout or ():
            said = json.loads(line)
            if said["done"] >= count * KILL_AT:
                break
            if said["mark"]:
                yield describe(said)
        child.kill()
        child.wait()
        yield describe(said)
        asked = (folder / "log").stat().st_size
        begun = time.monotonic()
        child = start(folder, port)
        while (folder / "log").stat().st_size == asked:
            time.sleep(0.001)
        took = time.monotonic() - begun
        yield f"killed at {said['done']:.0f}; from the start of the process to the next question: {took:.2f} s"
        lines = [json.loads(line) for line in child.stdout or ()]
        child.wait()
        yield f"prepared in {lines[-1]['prepared']:.2f} s, of this"
    names = {json.loads(line)["custom_id"] for line in (folder / "out.jsonl").open()}
    with (folder / "out.jsonl").open() as file:
        written = sum(1 for _ in file)
    answered = sum(1 for line in (folder / "log").open() if line.startswith("answered"))
    yield f"lines {written}, different {len(names)}, answers beyond the first {answered - count}"


def measure_rate(folder: Path, count: int) -> Iterator[str]:
    """The share of the rate that 32 at a time would have."""
    with stub(folder, ANSWER_MS) as port:
        child = start(folder, port)
        lines = [json.loads(line) for line in child.stdout or ()]
        child.wait()
    ideal = AT_A_TIME / (ANSWER_MS / 1000)
    rate = count / lines[-1]["seconds"]
    yield f"{count} lines: {rate:.0f}/s, ideal {ideal:.0f}/s: {rate / ideal:.1%}; {describe(lines[-1])}"


def describe(said: dict[str, float]) -> str:
    """One line of figures."""
    each = said["cpu"] / max(1.0, said["done_here"]) * 1e6
    return (
        f"{said['done']:9.0f} done, {each:6.1f} us CPU each, {said['rss'] / 2**20:6.1f} MiB, {said['seconds']:7.1f} s"
    )


async def run_child(folder: Path, port: int) -> None:
    """The run: a line of JSON about once a second."""
    begun, last = time.monotonic(), [-1]
    wish = BatchWish(input=str(folder / "in.jsonl"), out=str(folder / "out.jsonl"), concurrency=str(AT_A_TIME))
    prepared = prepare(wish, folder / "state" / "batches" / "job", time.time())
    looked = time.monotonic() - begun
    began = resource.getrusage(resource.RUSAGE_SELF)
    total = prepared.source.checked.count
    about = BatchBegin(manifest=prepared.manifest, output=wish.out, errors=str(folder / "err.jsonl"), total=total)
    with open_batch(folder / "state", "job", about, owner="bench", now=time.time()) as journal:
        keep_checked(prepared.source.checked, folder / "state" / "batches" / "job")

        def tell(told: Told) -> None:
            used = resource.getrusage(resource.RUSAGE_SELF)
            cpu = used.ru_utime + used.ru_stime - began.ru_utime - began.ru_stime
            mark = told.done * 20 // total
            said = {
                "done": told.done,
                "done_here": told.done_here,
                "cpu": cpu,
                "rss": read_memory(),
                "mark": mark != last[0],
            }
            last[0] = mark
            print(json.dumps({**said, "seconds": told.seconds, "prepared": looked}), flush=True)

        job = prepared.make_job((Target(url=f"http://127.0.0.1:{port}"),), ordered=False)
        tell(await Run(job, journal, SystemClock(), tell=tell).go())


def read_memory() -> int:
    """Bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def write_input(path: Path, count: int) -> None:
    """Chats of one short message."""
    body = '{"model": "m", "messages": [{"role": "user", "content": "item %d"}]}'
    with path.open("w") as file:
        for number in range(count):
            about = f'"custom_id": "c{number}", "method": "POST", "url": "/v1/chat/completions"'
            file.write(f'{{{about}, "body": {body % number}}}\n')


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The run as a process."""
    return subprocess.Popen([sys.executable, __file__, "child", str(folder), str(port)], stdout=subprocess.PIPE)


@contextmanager
def stub(folder: Path, milliseconds: float) -> Iterator[int]:
    """The server; its port."""
    argv = [sys.executable, "-m", "keepwell.testing.batch_stub", "0", str(folder / "log"), "1", "0", str(milliseconds)]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE)
    try:
        yield int((server.stdout or sys.stdin.buffer).readline())
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
