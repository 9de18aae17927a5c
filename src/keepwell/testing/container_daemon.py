"""A container engine's daemon on a Unix socket: Docker's Engine API for containers that are namespaced processes.

Speaks the real wire: versions in paths, inspection, execs with output in frames, events as JSON lines, archives. An
exec is really run, in the namespaces of the container's process.
"""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import os
import re
import tarfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from keepwell.testing.fake_http import BadRequest, FakeAnswer, FakeRequest, json_answer, read_request, write_answer
from keepwell.testing.namespaced import PATH, Namespaced

_VERSION = re.compile(r"^/v\d+\.\d+(?=/)")


@dataclass(slots=True, kw_only=True)
class FakeContainer:
    """A container as the daemon knows it. `inner` is its process, None when it does not run."""

    name: str
    image: str = "example/image:1"
    inner: Namespaced | None = None
    status: str = "running"
    exit_code: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    argv: tuple[str, ...] = ("serve",)
    ports: Mapping[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """64 hexadecimal digits, made from the name."""
        return self.name.encode().hex().ljust(64, "0")[:64]

    def inspect(self) -> dict[str, object]:
        """What `/containers/ID/json` answers."""
        pid = 0
        if self.inner is not None and self.status == "running":
            pid = self.inner.pid
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "RestartCount": 0,
            "Path": self.argv[0],
            "Args": list(self.argv[1:]),
            "State": {"Status": self.status, "Running": pid > 0, "Pid": pid, "ExitCode": self.exit_code},
            "Config": {"Image": self.image, "Env": [f"{key}={text}" for key, text in self.environment.items()]},
            "HostConfig": {"NetworkMode": "bridge", "Runtime": "runc", "Memory": 0},
            "NetworkSettings": {"Ports": dict(self.ports), "Networks": {}},
        }


@dataclass(slots=True, kw_only=True)
class _Exec:
    container: FakeContainer
    argv: list[str]
    variables: list[str]
    code: int | None = None
    pid: int = 0


class ContainerDaemon:
    """The daemon of some containers. `refuses_exec` plays a socket that only reads; `asked` holds each request."""

    def __init__(self, containers: Iterable[FakeContainer], *, refuses_exec: bool = False) -> None:
        self.containers = {one.name: one for one in containers}
        self.refuses_exec = refuses_exec
        self.asked: list[str] = []
        self.events: list[Mapping[str, object]] = []
        self._execs: dict[str, _Exec] = {}
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def listen(self, path: Path, mode: int = 0o660) -> AsyncIterator[Path]:
        """Answer at a Unix socket for as long as the block runs."""
        server = await asyncio.start_unix_server(self._serve, str(path))
        path.chmod(mode)
        try:
            yield path
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                path = _VERSION.sub("", request.path)
                self.asked.append(f"{request.method} {path}")
                started = re.fullmatch(r"/exec/(\w+)/start", path)
                if started is not None and started[1] in self._execs:
                    await self._stream(self._execs[started[1]], writer)
                    break
                await write_answer(writer, self._answer(request, path), head_only=request.method == "HEAD")
        except (BadRequest, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, request: FakeRequest, path: str) -> FakeAnswer:
        words = [unquote(part) for part in path.strip("/").split("/")]
        if path == "/_ping":
            return FakeAnswer(body=b"OK", content_type="text/plain")
        if path == "/version":
            return json_answer({"Version": "28.3.0", "ApiVersion": "1.51", "MinAPIVersion": "1.24", "Os": "linux"})
        if path == "/events":
            lines = "".join(json.dumps(one) + "\n" for one in self.events)
            return FakeAnswer(body=lines.encode())
        if path == "/containers/json":
            return json_answer([self._listed(one) for one in self.containers.values() if _wanted(one, request)])
        if len(words) == 3 and words[0] == "exec" and words[2] == "json" and words[1] in self._execs:
            made = self._execs[words[1]]
            return json_answer(
                {"ID": words[1], "Running": made.code is None, "ExitCode": made.code, "Pid": _own(made.pid)}
            )
        if len(words) == 3 and words[0] == "containers":
            return self._about(words[1], words[2], request)
        return json_answer({"message": "page not found"}, HTTPStatus.NOT_FOUND)

    def _listed(self, one: FakeContainer) -> dict[str, object]:
        return {"Id": one.id, "Names": [f"/{one.name}"], "Image": one.image, "State": one.status, "Labels": {}}

    def _about(self, name: str, what: str, request: FakeRequest) -> FakeAnswer:
        found = self.containers.get(name) or next((one for one in self.containers.values() if one.id == name), None)
        if found is None:
            return json_answer({"message": f"No such container: {name}"}, HTTPStatus.NOT_FOUND)
        if what == "json":
            return json_answer(found.inspect())
        if what == "archive":
            return _archive(found, request)
        if what == "exec" and request.method == "POST":
            return self._make_exec(found, request)
        return json_answer({"message": "page not found"}, HTTPStatus.NOT_FOUND)

    def _make_exec(self, container: FakeContainer, request: FakeRequest) -> FakeAnswer:
        if self.refuses_exec:
            return FakeAnswer(status=HTTPStatus.FORBIDDEN, body=b"forbidden by the proxy", content_type="text/html")
        if container.inner is None or container.status != "running":
            return json_answer({"message": f"container {container.id} is not running"}, HTTPStatus.CONFLICT)
        wish = request.json()
        number = f"{next(self._numbers):064x}"
        argv, variables = wish.get("Cmd"), wish.get("Env")
        self._execs[number] = _Exec(
            container=container,
            argv=[str(one) for one in argv] if isinstance(argv, list) else [],
            variables=[str(one) for one in variables] if isinstance(variables, list) else [],
        )
        return json_answer({"Id": number}, HTTPStatus.CREATED)

    async def _stream(self, made: _Exec, writer: asyncio.StreamWriter) -> None:
        """Run it in the container's namespaces, its output in frames until it ends."""
        assert made.container.inner is not None
        own = [f"{key}={text}" for key, text in made.container.environment.items()]
        argv = ["nsenter", "-t", str(made.container.inner.pid), "-m", "-u", "-n", "-p", "-r", "-w", "--", *made.argv]
        running = await asyncio.create_subprocess_exec(
            *["env", "-i", f"PATH={PATH}", *own, *made.variables, *argv],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        made.pid = running.pid
        kind = "application/vnd.docker.multiplexed-stream"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())
        assert running.stdout is not None
        assert running.stderr is not None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_frames(running.stdout, 1, writer))
                group.create_task(_frames(running.stderr, 2, writer, made.argv[0]))
        finally:
            made.code = _shown_code(await running.wait())


async def _frames(stream: asyncio.StreamReader, kind: int, writer: asyncio.StreamWriter, program: str = "") -> None:
    while piece := await stream.read(16 * 1024):
        if piece.startswith(f"nsenter: failed to execute {program}:".encode()):
            piece = (
                "OCI runtime exec failed: exec failed: unable to start container process: "
                f'exec: "{program}": executable file not found in $PATH: unknown\r\n'
            ).encode()
        writer.write(bytes([kind, 0, 0, 0]) + len(piece).to_bytes(4, "big") + piece)
        await writer.drain()


def _own(pid: int) -> int:
    """The program itself: `nsenter` starts it as a child, so that it lies in the container's process space."""
    try:
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    except (OSError, IndexError):
        return pid


def _shown_code(code: int) -> int:
    """As an engine tells it: 128 and the number of the signal."""
    return 128 - code if code < 0 else code


def _wanted(one: FakeContainer, request: FakeRequest) -> bool:
    return one.status == "running" or request.query.get("all") in ("1", "true")


def _archive(container: FakeContainer, request: FakeRequest) -> FakeAnswer:
    """A file as a tar archive, its stat in a header; the root is not left, because names are taken as they stand."""
    path = request.query.get("path", "")
    root = container.inner.root if container.inner else Path("/nonexistent")
    place = root / os.path.normpath("/" + path).lstrip("/")
    if not place.is_symlink() and not place.exists():
        return json_answer({"message": f"Could not find the file {path} in container"}, HTTPStatus.NOT_FOUND)
    found = place.lstat()
    told = {"name": place.name, "size": found.st_size, "mode": found.st_mode & 0o777, "linkTarget": ""}
    header = {"X-Docker-Container-Path-Stat": base64.b64encode(json.dumps(told).encode()).decode()}
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as archive:
        archive.add(place, arcname=place.name)
    return FakeAnswer(body=kept.getvalue(), content_type="application/x-tar", headers=header)
