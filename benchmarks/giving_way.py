"""How much longer people wait while a batch runs: a real llama-server of one thread behind the gateway.

    python benchmarks/giving_way.py [--rounds 4] [--asked 12] [--words 20] [--no-way]

People ask now and then, one at a time, streamed; time to the first token is measured from the send. Rounds without and
with a batch (four requests at once, `x-keepwell-priority: batch`) take turns, so that whatever else the machine does
falls on both. The gaps are just longer than the gateway keeps an engine free, so the batch works nearly whenever
somebody asks. `--no-way` sends the batch as ordinary requests: what it would be without giving way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from keepwell.testing.tiny_model import TinyModel, write_tiny_model
from keepwell.testing.waiting import eventually

MODEL = "tiny-alpha"
#: Requests of the batch at once, and tokens of each answer of it.
AT_ONCE, TOKENS = 4, 96
#: Seconds between two people's requests: from the first to the second of these.
GAPS = (2.2, 4.0)
#: Words of a person's prompt.
ASKED_WORDS = 30


@dataclass
class Seen:
    """Times to the first token without and with a batch, and what became of the batch's requests."""

    idle: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    answered: int = 0
    other: dict[int, int] = field(default_factory=dict)


@contextmanager
def started(*argv: str, log: Path, state: Path) -> Iterator[None]:
    """A process that is ended."""
    with log.open("wb") as out:
        environment = {**os.environ, "KEEPWELL_STATE": str(state)}
        process = subprocess.Popen([sys.executable, "-m", *argv], stdout=out, stderr=out, env=environment)
    try:
        eventually(lambda: "listening" in log.read_text(), 60, f"{argv[0]} to listen")
        yield
    finally:
        process.terminate()
        process.wait(20)


async def send(port: int, body: dict[str, object], *, batch: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """One request, sent."""
    content = json.dumps(body).encode()
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(content)}"]
    lines += ["connection: close", *["x-keepwell-priority: batch"] * batch]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([*lines, "", ""]).encode() + content)
    return reader, writer


def say(words: int, tokens: int, *, stream: bool) -> dict[str, object]:
    """A request with words that no other one has, so that no engine has seen its beginning."""
    content = " ".join(str(random.randrange(10_000, 99_999)) for _ in range(words))
    messages = [{"role": "user", "content": content}]
    return {"model": MODEL, "messages": messages, "max_tokens": tokens, "stream": stream}


async def ask(port: int) -> float:
    """Seconds to the first token of one person's answer."""
    began = time.perf_counter()
    reader, writer = await send(port, say(ASKED_WORDS, 4, stream=True), batch=False)
    first = 0.0
    while line := await reader.readline():
        if line.startswith(b"data: {") and b'"content":"' in line and not first:
            first = time.perf_counter() - began
    writer.close()
    if not first:
        raise SystemExit("an answer without a token")
    return first


async def work(port: int, seen: Seen, words: int, *, behind: bool) -> None:
    """One of the batch's workers."""
    while True:
        reader, writer = await send(port, say(words, TOKENS, stream=False), batch=behind)
        status = int((await reader.readline()).split()[1])
        await reader.read()
        writer.close()
        if status == 200:
            seen.answered += 1
        else:
            seen.other[status] = seen.other.get(status, 0) + 1
            await asyncio.sleep(0.5)


async def measure(port: int, wanted: argparse.Namespace) -> Seen:
    """All rounds."""
    seen = Seen()
    for _ in range(3):
        await ask(port)
    for number in range(2 * wanted.rounds):
        times, workers = (seen.idle, []), []
        if number % 2:
            times = (seen.beside, [])
            workers = [
                asyncio.create_task(work(port, seen, wanted.words, behind=not wanted.no_way)) for _ in range(AT_ONCE)
            ]
        for _ in range(wanted.asked):
            await asyncio.sleep(random.uniform(*GAPS))
            times[0].append(await ask(port))
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await asyncio.sleep(0.5)
    return seen


def quantile(values: list[float], share: float) -> float:
    """Between the two nearest values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def main() -> int:
    """Measure and tell; 1 if the 95th percentile is more than 1.2 times that of an idle engine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--asked", type=int, default=12)
    parser.add_argument("--words", type=int, default=8, help="of a prompt of the batch")
    parser.add_argument("--no-way", action="store_true", help="the batch as ordinary requests")
    parser.add_argument("--engine", action="append", default=[], help="another argument for llama-server")
    parser.add_argument("--each", action="store_true", help="also every time, in milliseconds")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder)
        model = place / "alpha.gguf"
        write_tiny_model(model, TinyModel(tag="alpha", name=MODEL, layers=4, width=256, feed=1024))
        engine, gateway = free_port(), free_port()
        argv = [
            "keepwell.testing.llama_server",
            "-m",
            str(model),
            "--port",
            str(engine),
            "-t",
            "1",
            "-np",
            "4",
            "-c",
            "8192",
        ]
        stack.enter_context(started(*argv, "-a", MODEL, *wanted.engine, log=place / "engine.log", state=place))
        config = place / "keepwell.toml"
        config.write_text(f'[[engine]]\nkind = "llamacpp"\nurl = "http://127.0.0.1:{engine}"\n')
        argv = ["keepwell", "gateway", "--listen", f"127.0.0.1:{gateway}", "--declared", "--config", str(config)]
        stack.enter_context(started(*argv, log=place / "gateway.log", state=place / "state"))
        seen = asyncio.run(measure(gateway, wanted))
    return tell(seen, each=wanted.each)


def tell(seen: Seen, *, each: bool) -> int:
    """A line for each, and the verdict."""
    for name, times in (("idle", seen.idle), ("batch", seen.beside)):
        p50, p95, most = (quantile(times, share) * 1000 for share in (0.5, 0.95, 1.0))
        print(f"{name:6} {len(times):4} asked  ttft p50 {p50:7.1f} ms  p95 {p95:7.1f} ms  most {most:7.1f} ms")
        if each:
            print(*(round(one * 1000) for one in times))
    ratio = quantile(seen.beside, 0.95) / quantile(seen.idle, 0.95)
    print(
        f"p95 with a batch / idle: {ratio:.2f}; of the batch answered {seen.answered}, otherwise {seen.other or 'none'}"
    )
    return int(ratio > 1.2)


def free_port() -> int:
    """A port that nobody listens on now."""
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
