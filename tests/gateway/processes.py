"""The gateway and engines as real processes, and clients that count what they got."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from keepwell.gateway.door import load_plates
from keepwell.testing.waiting import eventually
from tests.gateway.made import Answered, read_answer
from tests.support import free_port

Made = TypeVar("Made")
#: Seconds for one answer in these tests.
ANSWER_SECONDS = 300.0


@contextmanager
def started(argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that is ended."""
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, *argv], stdout=out, stderr=out, env={**os.environ, **(env or {})})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def fake_engine(folder: Path, port: int, flavour: str = "vllm", *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """An engine that answers at once."""
    argv = ["-m", "keepwell.testing.engine", "--flavour", flavour, "--port", str(port), "--control", *more]
    log = folder / f"{port}.log"
    with started(argv, log) as process:
        eventually(lambda: "http" in log.read_text(), 30, f"{port} to listen")
        yield process


@contextmanager
def llama_server(folder: Path, model: Path, port: int, *more: str, name: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A real llama.cpp server with one thread."""
    argv = ["-m", "keepwell.testing.llama_server", "-m", str(model), "--port", str(port), "-t", "1", *more]
    argv += ["-a", name or f"tiny-{model.stem}"]
    log = folder / f"{port}.log"
    log.write_text("")
    with started(argv, log) as process:
        eventually(lambda: "listening" in log.read_text(), 30, f"{port} to listen")
        yield process


@dataclass(slots=True)
class Gateway:
    """A gateway that runs: its control process, its port and its state folder."""

    process: subprocess.Popen[bytes]
    port: int
    state: Path
    log: Path
    config: Path
    engines: tuple[int, ...]

    @property
    def planes(self) -> list[int]:
        """Processes that serve, or finish, the newest last."""
        return [one.pid for one in load_plates(self.state)]

    def keepwell(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the same state folder and configuration."""
        argv = [sys.executable, "-m", "keepwell", *words]
        if words[0] not in ("drain", "uncordon", "cordon"):
            argv += ["--config", str(self.config)]
        env = {**os.environ, "KEEPWELL_STATE": str(self.state)}
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=240, env=env)

    async def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As `keepwell`, while other things go on."""
        return await asyncio.to_thread(self.keepwell, *words)


@contextmanager
def gateway(folder: Path, engines: Sequence[tuple[str, int]], more: str = "") -> Iterator[Gateway]:
    """A gateway before these engines, by kind and port, with `more` lines of keepwell.toml."""
    port = free_port()
    config = folder / "keepwell.toml"
    rows = [f'[[engine]]\nkind = "{kind}"\nurl = "http://127.0.0.1:{one}"\n' for kind, one in engines]
    config.write_text("\n".join([*rows, more]))
    state, log = folder / "state", folder / "gateway.log"
    argv = ["-m", "keepwell", "gateway", "--listen", f"127.0.0.1:{port}", "--declared", "--config", str(config)]
    log.write_text("")
    with started(argv, log, {"KEEPWELL_STATE": str(state)}) as process:
        eventually(lambda: "listening on" in log.read_text(), 60, "the gateway to listen")
        yield Gateway(process, port, state, log, config, tuple(one for _, one in engines))


@contextmanager
def gateway_before_fakes(folder: Path, count: int = 2, more: str = "") -> Iterator[Gateway]:
    """A gateway before engines that answer at once."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(count)]
        for one in ports:
            stack.enter_context(fake_engine(folder, one))
        yield stack.enter_context(gateway(folder, [("vllm", one) for one in ports], more))


async def ask(port: int, path: str, body: bytes, headers: str = "") -> Answered:
    """One request on a connection of its own. Raises OSError where there is no answer at all."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}content-length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = b""
    try:
        writer.write(head.encode() + body)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while got := await reader.read(65536):
                    found += got
    finally:
        writer.close()
    if b"\r\n\r\n" not in found:
        raise ConnectionError("the connection ended without an answer")
    return read_answer(found)


@asynccontextmanager
async def in_thread(made: AbstractContextManager[Made]) -> AsyncIterator[Made]:
    """What it gives; it begins and ends in a thread, so that engines of this event loop can answer meanwhile."""
    found = await asyncio.to_thread(made.__enter__)
    try:
        yield found
    finally:
        await asyncio.to_thread(made.__exit__, None, None, None)


@dataclass(slots=True)
class Load:
    """Clients that ask again and again, with a pause so that others have the processor too; what became of each,
    by a word.
    """

    port: int
    judge: Callable[[Answered], str]
    pause_seconds: float = 0.01
    outcomes: Counter[str] = field(default_factory=Counter)
    stop: bool = False

    async def keep_asking(self, body: bytes, path: str = "/v1/chat/completions") -> None:
        """Requests on one kept connection, a new one where the answer said so, until `stop`."""
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        while not self.stop:
            await asyncio.sleep(self.pause_seconds)
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(head + body)
                answer = await _read_one(reader)
                self.outcomes[self.judge(answer)] += 1
            except (OSError, asyncio.IncompleteReadError) as error:
                self.outcomes[type(error).__name__] += 1
                answer = None
            if answer is None or answer.headers.get("connection") == "close":
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()


async def _read_one(reader: asyncio.StreamReader) -> Answered:
    async with asyncio.timeout(ANSWER_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        answer = read_answer(head)
        if "content-length" in answer.headers:
            return read_answer(head + await reader.readexactly(int(answer.headers["content-length"])))
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            body += await reader.readuntil(b"\r\n")
        return read_answer(head + body)


async def during(load: Load, clients: int, body: bytes, act: Callable[[], Awaitable[None]]) -> Counter[str]:
    """What became of all requests of so many clients that ask while something is done."""
    tasks = [asyncio.create_task(load.keep_asking(body)) for _ in range(clients)]
    try:
        await act()
    finally:
        load.stop = True
        await asyncio.gather(*tasks)
    return load.outcomes
