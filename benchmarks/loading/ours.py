"""keepwell's load client as a process: python ours.py URL RATE SECONDS TOKENS FILE."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from heapq import nlargest
from itertools import repeat

from keepwell.bench.load import Aim, Load, Prompt
from keepwell.bench.measuring import measure, run
from keepwell.bench.result import Result


def main(url: str, rate: str, seconds: str, tokens: str, out: str) -> None:
    """Send, and write."""
    words = {"role": "user", "content": "the quick brown fox jumps over the lazy dog"}
    asked = {"model": "stub", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": int(tokens)}
    body = json.dumps({**asked, "messages": [words]}).encode()
    prompt = Prompt(path="/v1/chat/completions", body=body, model="stub", output_tokens=int(tokens))
    load = Load(shape="constant", rate=float(rate), seconds=float(seconds), clients=0)
    result = run(measure(Aim(url=url), load, repeat(prompt), id="known"))
    answered = sum(one == 0 for one in result.rows["outcome"])
    slowest = nlargest(max(1, answered // 100), find_waits(result))
    said = {
        "answered": answered,
        "first_mean_ms": sum(find_waits(result)) / answered,
        "first_p99_ms": slowest[-1],
        "gap_mean_ms": 1000 * sum(result.itl) / len(result.itl),
        "limited": result.client.limited,
        "cpu_seconds": result.client.cpu_seconds,
        "memory_bytes": result.client.memory_bytes,
    }
    with open(out, "w", encoding="utf-8") as file:
        json.dump(said, file)


def find_waits(result: Result) -> Iterator[float]:
    """Milliseconds to the first token of each good answer, one after the other: all of them at once are many."""
    rows = result.rows
    each = zip(rows["first"], rows["sent"], rows["outcome"], strict=True)
    return (1000 * (first - sent) for first, sent, outcome in each if outcome == 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
