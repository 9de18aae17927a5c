"""FakeEngine: a real HTTP server on loopback that speaks an engine's true wire, with faults to switch on.

    async with FakeEngine("ollama", release="0.32.15") as engine:
        ...                                       # ask engine.url
        await engine.set_fault(Fault.HANG)        # all paths, from the next request on
        await engine.set_fault(Fault.SLOW, "/api/tags")
        await engine.clear_faults()
        engine.requests                           # what was asked, in order

Flavours: "ollama", "vllm", "llamacpp" and "openai". Models answer " TAG 0001 0002 ..." as the tiny model of
`keepwell.testing.tiny_model` does, so a test can compare a fake with the real thing. As a process of its own:

    python -m keepwell.testing.engine --flavour vllm --port 8000 --control

With --control, `POST /_fake {"fault": "hang", "path": ""}` sets a fault and `GET /_fake` tells them.
Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import struct
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self

from keepwell.testing import fake_llamacpp, fake_ollama, fake_openai, fake_vllm
from keepwell.testing.fake_http import (
    BadRequest,
    FakeAnswer,
    FakeRequest,
    json_answer,
    read_request,
    text_answer,
    write_answer,
)
from keepwell.testing.fake_state import FakeModel, FakeState, Fault, Flavour

__all__ = ["FLAVOURS", "FakeEngine", "FakeModel", "FakeState", "Fault"]

FLAVOURS: dict[str, Flavour] = {
    "ollama": fake_ollama.FLAVOUR,
    "vllm": fake_vllm.FLAVOUR,
    "llamacpp": fake_llamacpp.FLAVOUR,
    "openai": fake_openai.FLAVOUR,
}
#: Path of the control interface, and how many requests are remembered.
CONTROL = "/_fake"
MAX_REQUESTS = 10_000
#: The body of the `huge` fault: larger than any limit that a client should have.
HUGE_PIECES = 1024
HUGE_PIECE = b'{"models":[' + b" " * (64 * 1024)
#: Bytes that the `truncated` fault promises and does not send.
MISSING_BYTES = 100
GARBAGE = b'{"models": [{"name": "\xff\x00'


class FakeEngine:
    """One fake server. `state` may be changed at any time; `requests` holds what was asked.

    `port` 0 takes a free one; `url` is known once it has started. Raises ValueError for an unknown flavour.
    """

    def __init__(
        self,
        flavour: str,
        *,
        release: str = "",
        models: Sequence[FakeModel] = (FakeModel(),),
        api_key: str = "",
        switches: Sequence[str] = (),
        port: int = 0,
        control: bool = False,
    ) -> None:
        if flavour not in FLAVOURS:
            raise ValueError(f"no flavour {flavour!r}; known: {', '.join(FLAVOURS)}")
        self.flavour = FLAVOURS[flavour]
        self.state = FakeState(
            release=release or self.flavour.release, models=tuple(models), api_key=api_key, switches=set(switches)
        )
        self.port = port
        self.control = control
        self.requests: list[FakeRequest] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its address without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> Self:
        """Listen; the port stays the same if it is stopped and started again."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Close the port and break every connection; safe to call twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def set_fault(self, fault: Fault, path: str = "") -> None:
        """Switch a fault on for all paths that begin with `path`; it stays until another comes or all are cleared.

        A fault that closes the port (vLLM while loading) breaks the connections that are open.
        """
        self.state.faults[path] = fault
        await self._follow()

    async def clear_faults(self) -> None:
        """Be well again."""
        self.state.faults.clear()
        await self._follow()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _follow(self) -> None:
        closed = self.flavour.refuses_connections(self.state)
        if closed and self._server is not None:
            await self.stop()
        elif not closed and self._server is None:
            await self.start()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        # A cancelled connection is how the server stops; asyncio would log it as an error.
        with contextlib.suppress(asyncio.CancelledError):
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                if not await self._respond(request, writer):
                    break
        except BadRequest as error:
            await write_answer(writer, text_answer(str(error), 400))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _respond(self, request: FakeRequest, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False if the connection must end."""
        if self.control and request.path == CONTROL:
            return await write_answer(writer, await self._controlled(request))
        if len(self.requests) < MAX_REQUESTS:
            self.requests.append(request)
        fault = self.state.fault(request.path)
        if fault is Fault.HANG:
            await asyncio.Event().wait()
        if fault is Fault.DROP:
            _reset(writer)
            return False
        if fault is Fault.ASLEEP and request.method == "POST" and self.flavour is fake_vllm.FLAVOUR:
            await asyncio.Event().wait()
        if fault is Fault.SLOW:
            await asyncio.sleep(self.state.slow_seconds)
        answer = self._spoiled(self.flavour.answer(self.state, request), fault)
        going_on = await write_answer(
            writer,
            answer,
            server=self.flavour.server,
            claim_more=MISSING_BYTES * (fault is Fault.TRUNCATED),
            head_only=request.method == "HEAD",
        )
        return going_on and request.headers.get("connection", "").lower() != "close"

    def _spoiled(self, answer: FakeAnswer, fault: Fault) -> FakeAnswer:
        if fault is Fault.MALFORMED and answer.stream is None:
            return FakeAnswer(status=answer.status, body=GARBAGE, content_type=answer.content_type)
        if fault is Fault.HUGE:
            return FakeAnswer(status=answer.status, content_type=answer.content_type, stream=_huge())
        return answer

    async def _controlled(self, request: FakeRequest) -> FakeAnswer:
        if request.method == "POST":
            asked = request.json()
            try:
                fault = Fault(str(asked.get("fault", "")))
            except ValueError as error:
                return json_answer({"error": str(error)}, 400)
            self.state.faults[str(asked.get("path", ""))] = fault
        return json_answer({path: str(fault) for path, fault in self.state.faults.items()})


async def _huge() -> AsyncGenerator[bytes | None, None]:
    for _ in range(HUGE_PIECES):
        yield HUGE_PIECE


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an orderly end, as a process that is killed does."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve one fake until SIGTERM; prints its address."""
    parser = argparse.ArgumentParser(prog="keepwell.testing.engine", description=__doc__.partition("\n")[0])
    parser.add_argument("--flavour", choices=sorted(FLAVOURS), required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--release", default="")
    parser.add_argument("--api-key", default="")
    parser.add_argument("--model", default="tiny-alpha", help="its name; the part after the last dash begins answers")
    parser.add_argument("--switch", action="append", default=[], help="an option: able, dev, router, metrics")
    parser.add_argument("--fault", choices=[str(one) for one in Fault], default="none")
    parser.add_argument("--control", action="store_true", help=f"serve {CONTROL}")
    wanted = parser.parse_args(argv)
    engine = FakeEngine(
        wanted.flavour,
        release=wanted.release,
        models=[FakeModel(name=wanted.model, tag=wanted.model.rpartition("-")[2])],
        api_key=wanted.api_key,
        switches=wanted.switch,
        port=wanted.port,
        control=wanted.control,
    )
    asyncio.run(_run(engine, Fault(wanted.fault)))
    return 0


async def _run(engine: FakeEngine, fault: Fault) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with engine:
        print(engine.url, flush=True)
        if fault is not Fault.NONE:
            await engine.set_fault(fault)
        await stop.wait()


if __name__ == "__main__":
    raise SystemExit(main())
