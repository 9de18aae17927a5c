#!/usr/bin/env python3
"""How truly keepwell's load client tells time to first token, beside GuideLLM and AIPerf.

python benchmarks/load_clients.py [--rates 150,1000,3000,3000x32] [--seconds 8] [--real-time] [--json FILE]
    [--guidellm PROGRAM] [--aiperf PROGRAM] [--tokenizer FOLDER] [--peer-rates 100,150]

A server in C whose time to first token is 20 ms and whose other events come 5 ms apart (64 in all, or as many as stand
behind the x) has the first core, and each client the second one, one after the other. A client is a process from its
start to its end. What it says of the time to first token is compared with what the server noted of the same requests:
from the kernel's stamp on each request to the write of its first event. What is beyond is the client's own error, shown
as a part of 20 ms; by how much the client is off from 20 ms, its server's lateness included, is shown beside. Start is
from the process's start to the first request that the server saw. Memory is that of the client and all its children,
summed, at its highest. Other programs' load falls on readings: `--real-time` (as root) has the server and each client
go before them.

Exits 1 where keepwell's mean is off by more than 5 % at its last rate, its first request comes after half a second, or
it needs more than 60 MB. A server that has no time left (its cores are shown) says nothing of a client. The peers come
with `pip install guidellm==0.8.1` and `aiperf==0.13.0`, each in an environment of its own; they need a folder with a
tokenizer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from loading.clients import Rate, aiperf_command, guidellm_command, own_command, read_aiperf, read_guidellm, read_own
from loading.server import REAL_TIME, TOKENS, Figures, run_server

#: The bars: part of the true time, seconds, bytes.
MOST_ERROR, MOST_START, MOST_BYTES = 0.05, 0.5, 60_000_000


def main() -> int:
    """Measure each, print the table."""
    options = parse_options()
    figures: list[Figures] = []
    before = REAL_TIME * options.real_time
    with tempfile.TemporaryDirectory() as made, run_server(Path(made), before) as server:
        for rate in options.rates:
            figures.append(server.measure("keepwell", rate, options.seconds, own_command, read_own))
        for rate in options.peer_rates:
            if options.guidellm:
                command = guidellm_command(options.guidellm, options.tokenizer)
                figures.append(server.measure("GuideLLM", rate, options.seconds, command, read_guidellm))
            if options.aiperf:
                command = aiperf_command(options.aiperf, options.tokenizer)
                figures.append(server.measure("AIPerf", rate, options.seconds, command, read_aiperf))
    show(figures)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in figures], indent=1), encoding="utf-8")
    return judge(figures[len(options.rates) - 1])


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=parse_rates, default=parse_rates("150,1000,3000,3000x32"))
    parser.add_argument("--peer-rates", type=parse_rates, default=parse_rates("100,150"))
    parser.add_argument("--real-time", action="store_true")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--guidellm", type=Path)
    parser.add_argument("--aiperf", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def parse_rates(text: str) -> list[Rate]:
    """Requests a second with commas between them, each with x and its tokens where they are not TOKENS."""
    found = []
    for one in text.split(","):
        rate, _, tokens = one.partition("x")
        found.append(Rate(per_second=float(rate), tokens=int(tokens or TOKENS)))
    return found


def show(figures: list[Figures]) -> None:
    """The table."""
    print(
        "| client | requests/s x tokens | answered | ttft mean ms | true | client's error | off from 20 ms | p99 | true"
        " | gap mean | start s | MB / processes | cores | server's cores |"
    )
    print("|" + "---|" * 14)
    for one in figures:
        print(
            f"| {one.client} | {one.rate:g} x {one.tokens} | {one.answered} | {one.first_mean_ms:.2f}"
            f" | {one.true_mean_ms:.2f} | {one.error:+.1%} | {one.off:+.1%}"
            f" | {one.first_p99_ms:.1f} | {one.true_p99_ms:.1f} | {one.gap_mean_ms:.2f} | {one.start_seconds:.2f}"
            f" | {one.memory_bytes / 1e6:.0f} / {one.processes} | {one.cpu_cores:.2f} | {one.server_cores:.2f} |"
        )
    for one in figures:
        late = f"{one.client} at {one.rate:g}: the server was {one.server_late_p50_ms:.2f} ms late (p99"
        print(f"{late} {one.server_late_p99_ms:.2f})" + f"; client-limited: {one.limited}" * bool(one.limited))


def judge(own: Figures) -> int:
    """0 where all bars hold."""
    failed = []
    if abs(own.error) > MOST_ERROR:
        failed.append(f"its mean is {own.error:+.1%} off, more than {MOST_ERROR:.0%}")
    if own.start_seconds > MOST_START:
        failed.append(f"its first request came after {own.start_seconds:.2f} s, more than {MOST_START:g}")
    if own.memory_bytes > MOST_BYTES:
        failed.append(f"it needed {own.memory_bytes / 1e6:.0f} MB, more than {MOST_BYTES / 1e6:.0f}")
    for one in failed:
        print(f"below the bar at {own.rate:g} requests/s: {one}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
