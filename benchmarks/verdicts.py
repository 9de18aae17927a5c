"""How often a verdict is wrong: false alarms between equals, slowdowns of 10 % that are missed. Needs the demo extra.

    python benchmarks/verdicts.py [--pairs 200] [--planted 40] [--json FILE]

A real llama-server (one thread, a made model) answers one client. Requests alternate between two sides, which one
first is drawn anew each time; five of each are a block, and the median of each side a figure, as of a run. Blocks are
compared in pairs by `keepwell.bench.verdict`, after 15, 30, 60 and 120 of them, until there is a verdict: each look
may be wrong in a quarter of the 1 % that all together may. On a side that is planted to be slower the server is
stopped for a tenth of its time, by SIGSTOP and SIGCONT every few milliseconds, so that it has 90 % of the CPU that it
would have.

The sides are interleaved so that other work on the machine falls on both: the figures tell how good the test is, not
how comparable two nights of a busy machine are. Exits 1 where more than 1 % of equals are told apart, or less than
95 % of slowdowns are found.
"""

from __future__ import annotations

import argparse
import json
import math
import mmap
import random
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keepwell.bench.verdict import Rules, judge
from keepwell.testing.tiny_model import TinyModel, write_tiny_model

#: What is planted, and the bars.
SLOWER, FALSE_ALARMS, FOUND = 0.10, 0.01, 0.95
#: Requests of each side in a block, and blocks at each look.
EACH, LOOKS = 5, (15, 30, 60, 120)
TOKENS = 20
#: Seconds between two wakes of the limit, and the shortest stop: shorter ones are as long as a wake-up is late.
PERIOD, SHORTEST = 0.004, 0.0003
MEASURES = ("ttft", "tpot", "e2e", "output_tokens_per_second")
#: What limit and client share: whether it holds (a byte), then seconds that it held and that the server was stopped.
SHARED = struct.Struct("<Bdd")


def main() -> int:
    """Measure and print; 1 below a bar."""
    if sys.argv[1:2] == ["--limit"]:
        limit(int(sys.argv[2]), Path(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=200, help="pairs of equals")
    parser.add_argument("--planted", type=int, default=40, help="pairs of which one side is slower")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every pair here, as they come")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    draw = random.Random(wanted.seed)
    kinds = [False] * wanted.pairs + [True] * wanted.planted
    draw.shuffle(kinds)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name, Bench(Path(name)) as bench:
        for kind in kinds:
            rows.append(bench.pair(kind, draw))
            if wanted.json:
                wanted.json.write_text(json.dumps({"rows": rows, "limit": bench.held()}))
            print(len(rows), rows[-1]["planted"], rows[-1]["word"], rows[-1]["ratio"], flush=True)
        return report(rows, bench.held())


def report(rows: list[dict[str, object]], held: tuple[float, float]) -> int:
    """Print the counts; the exit code."""
    words = {kind: [str(one["word"]) for one in rows if one["planted"] is kind] for kind in (False, True)}
    equals, slower = words[False], words[True]
    alarms = sum(one in ("regressed", "improved") for one in equals)
    found = slower.count("regressed")
    print(f"equals: {len(equals)} pairs, {alarms} told apart, {equals.count('same')} the same, ", end="")
    print(f"{equals.count('no verdict')} without a verdict")
    print(f"slower: {len(slower)} pairs, {found} found, {slower.count('same')} called the same, ", end="")
    print(f"{slower.count('no verdict')} without a verdict")
    if held[0]:
        print(f"the limit stopped the server for {held[1] / held[0]:.1%} of the time in which it held")
    seconds = statistics.median(float(str(one["seconds"])) for one in rows)
    print(f"seconds a pair: {seconds:.1f} (median)")
    return int(alarms > FALSE_ALARMS * len(equals) or found < FOUND * len(slower))


class Bench:
    """A server, a limit on it, and a client of one connection at a time."""

    def __init__(self, folder: Path) -> None:
        model = write_tiny_model(folder / "m.gguf", TinyModel(tag="bench", loop=True, words=64, half=True))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._port = taken.getsockname()[1]
        argv = [sys.executable, "-m", "keepwell.testing.llama_server", "--port", str(self._port), str(model)]
        # Else it keeps every prompt that it was asked and looks through all of them at each: it becomes ever slower.
        argv += ["--set", "cache_ram_mib=0"]
        self._server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shared = folder / "limit"
        shared.write_bytes(bytes(SHARED.size))
        with shared.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), SHARED.size)
        self._limit = subprocess.Popen([sys.executable, __file__, "--limit", str(self._server.pid), str(shared)])
        self._count = 0

    def __enter__(self) -> Bench:
        deadline = time.monotonic() + 60
        while True:
            try:
                for _ in range(20):
                    self._ask()
                return self
            except (OSError, ValueError):
                if time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self._limit.kill()
        self._limit.wait()
        self._server.send_signal(signal.SIGCONT)
        self._server.terminate()
        self._server.wait()

    def held(self) -> tuple[float, float]:
        """Seconds that the limit held, and of them those in which the server was stopped."""
        _, held, stopped = SHARED.unpack(self._shared[:])
        return held, stopped

    def pair(self, planted: bool, draw: random.Random) -> dict[str, object]:
        """Blocks until there is a verdict, or as many as there may be."""
        rules = Rules(chance=FALSE_ALARMS / len(LOOKS))
        sides: tuple[dict[str, list[float]], ...] = tuple({name: [] for name in MEASURES} for _ in range(2))
        begun = time.monotonic()
        for look in LOOKS:
            while len(sides[0]["ttft"]) < look:
                for side, figures in enumerate(self._block(planted, draw)):
                    for name, figure in zip(MEASURES, figures, strict=True):
                        sides[side][name].append(figure)
            verdict = judge(*sides, rules, paired=True)
            if verdict.word != "no verdict":
                break
        ratios = {one.measure: round(one.ratio, 3) for one in verdict.measures}
        seconds = round(time.monotonic() - begun, 2)
        return {"planted": planted, "word": verdict.word, "ratio": ratios, "blocks": look, "seconds": seconds}

    def _block(self, planted: bool, draw: random.Random) -> tuple[list[float], ...]:
        """The figures of both sides."""
        rows: tuple[list[tuple[float, float, float]], ...] = ([], [])
        while len(rows[0]) < EACH:
            first = draw.randrange(2)
            for side in (first, 1 - first):
                self._shared[0] = int(planted and side == 1)
                rows[side].append(self._ask())
        self._shared[0] = 0
        return tuple([statistics.median(one) for one in zip(*side, strict=True)] + [_rate(side)] for side in rows)

    def _ask(self) -> tuple[float, float, float]:
        """One request: seconds to the first token, a token after it, and in all. ValueError where no answer came."""
        self._count += 1
        text = f"{self._count} one two three four"
        wish = {"messages": [{"role": "user", "content": text}], "stream": True, "max_tokens": TOKENS}
        body = json.dumps(wish | {"model": "bench", "cache_prompt": False}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sent = time.perf_counter()
            connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
            first = last = 0.0
            tokens, end = 0, b""
            while not end.endswith(b"\n0\r\n\r\n"):
                found = connection.recv(65536)
                now = time.perf_counter()
                new = found.count(b'"content":"')
                tokens, end = tokens + new, (end + found)[-8:]
                if new:
                    first, last = first or now, now
                if not found:
                    break
        if tokens < 2:
            raise ValueError("no answer")
        return first - sent, (last - first) / (tokens - 1), now - sent


def _rate(rows: list[tuple[float, float, float]]) -> float:
    return TOKENS * len(rows) / math.fsum(row[2] for row in rows)


def limit(server: int, path: Path) -> None:
    """Stop the server for SLOWER of the time in which the shared byte says so; until killed."""
    import os

    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), SHARED.size)
    owed = held = stopped = 0.0
    last = time.perf_counter()
    while True:
        time.sleep(PERIOD)
        now = time.perf_counter()
        if shared[0]:
            owed, held = owed + SLOWER * (now - last), held + now - last
        last = now
        if shared[0] and owed > SHORTEST:
            os.kill(server, signal.SIGSTOP)
            time.sleep(max(0.0, owed - SHORTEST / 2))
            os.kill(server, signal.SIGCONT)
            last = time.perf_counter()
            owed, stopped, held = owed - (last - now), stopped + last - now, held + last - now
            owed += SLOWER * (last - now)
        shared[1:] = SHARED.pack(0, held, stopped)[1:]


if __name__ == "__main__":
    sys.exit(main())
