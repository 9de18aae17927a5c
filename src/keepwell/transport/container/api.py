"""A container engine's HTTP interface over its Unix socket: what a container is, a command in it, a file of it.

Docker's Engine API, which Podman speaks too. Paths carry no version, so that each engine answers with the
newest that it knows. Only reading requests are sent, but for the making of an exec, which leaves nothing behind.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from keepwell.core.errors import AccessError, NotPermitted, NotThere, TooLarge, Unreachable
from keepwell.core.text import cut_text, escape_controls
from keepwell.transport.base import CALL_SECONDS, Ran, Reply, Transport
from keepwell.transport.container.sockets import EngineSocket
from keepwell.transport.failures import shown_command
from keepwell.transport.web import unix_url

#: Bytes of one JSON answer: a container with hundreds of mounts and labels takes some 100 kB.
ANSWER_BYTES = 4 * 1024 * 1024
#: Bytes of the header of a frame in a stream of output: its kind, three zeros, its length (4 bytes, big-endian).
FRAME_HEADER = 8
#: What an exec's stream says when there is no such program; from runc, crun and Podman.
NO_PROGRAM = ("executable file not found", "no such file or directory", "not found in $path", "not found: no such")
#: Exit codes with which engines tell that a program could not be started.
NOT_STARTED = (126, 127)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What an engine says of one container. `pid` is its first process on the node, 0 when it does not run."""

    id: str
    name: str
    status: str
    pid: int
    exit_code: int

    @property
    def running(self) -> bool:
        """True while it has processes."""
        return self.pid > 0 and self.status in ("running", "paused", "")


class ContainerApi:
    """One engine's interface through a transport of the node that it runs on."""

    def __init__(self, host: Transport, socket: EngineSocket) -> None:
        self.socket = socket
        self._host = host

    async def list_ids(self) -> tuple[str, ...]:
        """The ids of all containers, running or not."""
        reply = await self._ask("GET", "/containers/json?all=1")
        try:
            found = json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            raise AccessError(f"a container engine's answer is not JSON ({error})") from error
        if not isinstance(found, list):
            raise AccessError("a container engine's answer is not a list")
        return tuple(_text(one, "Id") for one in found if isinstance(one, dict) and _text(one, "Id"))

    async def inspect_raw(self, name: str) -> bytes:
        """All that the engine says of one container, as JSON."""
        return (await self._ask("GET", f"/containers/{quote(name, safe='')}/json")).body

    async def inspect(self, name: str) -> Inspected:
        """What a container is, by name or id; NotThere if the engine knows none of that name."""
        found = _mapping(await self._ask("GET", f"/containers/{quote(name, safe='')}/json"))
        state = found.get("State")
        if not isinstance(state, dict):
            raise AccessError("the answer tells of no container", command=self._shown(f"/containers/{name}/json"))
        return Inspected(
            id=_text(found, "Id") or name,
            name=_text(found, "Name").lstrip("/") or name,
            status=_text(state, "Status"),
            pid=_number(state, "Pid"),
            exit_code=_number(state, "ExitCode"),
        )

    async def execute(
        self,
        container: Inspected,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        timeout_seconds: float,
        max_bytes: int,
    ) -> Ran:
        """Run a command in a container with the rights that the engine gives it, and wait.

        Costs three requests, about 0.1 s. A program that a signal ended has the exit code 128 and its number, as
        the engine tells it. At a limit the command is ended where this user may do that.
        """
        command = shown_command(argv)
        started = time.perf_counter()
        wish = {
            "AttachStdout": True,
            "AttachStderr": True,
            "Cmd": list(argv),
            "Env": [f"{name}={value}" for name, value in environment.items()],
        }
        made = _mapping(await self._ask("POST", f"/containers/{container.id}/exec", wish))
        number = quote(_text(made, "Id"), safe="")
        try:
            stream = await self._ask(
                "POST", f"/exec/{number}/start", {"Detach": False, "Tty": False}, timeout_seconds, 2 * max_bytes
            )
        except AccessError:
            await self._end(number)
            raise
        code = _number(_mapping(await self._ask("GET", f"/exec/{number}/json")), "ExitCode")
        stdout, stderr = split_frames(stream.body)
        said = (stdout + stderr)[:2000].decode("utf-8", "replace").lower()
        if code in NOT_STARTED and any(words in said for words in NO_PROGRAM):
            raise NotThere(f"no such program in container {container.name}", command=command)
        if max(len(stdout), len(stderr)) > max_bytes:
            raise TooLarge(f"more than {max_bytes} bytes of output", command=command)
        return Ran(argv=tuple(argv), code=code, stdout=stdout, stderr=stderr, seconds=time.perf_counter() - started)

    async def archive(self, container: Inspected, path: str, *, max_bytes: int) -> bytes:
        """A file of a container as a tar archive, whole; it need not run. TooLarge beyond `max_bytes`."""
        query = urlencode({"path": path})
        answer = await self._ask("GET", f"/containers/{container.id}/archive?{query}", max_bytes=max_bytes)
        return answer.body

    async def _end(self, number: str) -> None:
        """Kill what an exec still runs; engines have no call for that, so the node is asked, as far as it lets us."""
        try:
            pid = _number(_mapping(await self._ask("GET", f"/exec/{number}/json")), "Pid")
            if pid > 1:
                await self._host.run(("kill", "-9", str(pid)))
        except AccessError:
            return  # the error that led here is the one to tell

    async def _ask(
        self,
        method: str,
        target: str,
        wish: Mapping[str, object] | None = None,
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = ANSWER_BYTES,
    ) -> Reply:
        headers: dict[str, str] = {}
        body = b""
        if wish is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(wish).encode()
        url = unix_url(self.socket.path, target)
        try:
            reply = await self._host.http(
                method, url, headers=headers, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
            )
        except NotPermitted as error:
            raise NotPermitted(
                error.what,
                where=self.socket.path,
                hint=f"ask as root, or as a user who may use {self.socket.engine.title}'s socket",
            ) from error
        if reply.status < 300:
            return reply
        raise self._refusal(reply, target)

    def _refusal(self, reply: Reply, target: str) -> AccessError:
        try:
            said = _text(_mapping(reply), "message")
        except AccessError:
            said = reply.body[:300].decode("utf-8", "replace")
        words = cut_text(escape_controls(said.strip()), 300) or f"status {reply.status}"
        title = self.socket.engine.title
        kind = {403: NotPermitted, 401: NotPermitted, 405: NotPermitted, 404: NotThere, 409: Unreachable}.get(
            reply.status, AccessError
        )
        return kind(f"{title} says: {words} ({reply.status})", command=self._shown(target))

    def _shown(self, target: str) -> str:
        return f"curl --unix-socket {self.socket.path} http://localhost{target}"


def split_frames(body: bytes) -> tuple[bytes, bytes]:
    """The standard output and standard error of an exec's stream. A cut last frame gives what is there of it; a
    stream that is not in frames (a terminal's) is all standard output.
    """
    kept: dict[int, bytearray] = {0: bytearray(), 1: bytearray(), 2: bytearray()}
    place = 0
    while place < len(body):
        header = body[place : place + FRAME_HEADER]
        if len(header) < FRAME_HEADER or header[0] not in kept or header[1:4] != b"\0\0\0":
            if place == 0:
                return body, b""
            break
        size = int.from_bytes(header[4:], "big")
        place += FRAME_HEADER
        kept[header[0]] += body[place : place + size]
        place += size
    return bytes(kept[1]), bytes(kept[2])


def _mapping(reply: Reply) -> Mapping[str, object]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise AccessError(f"a container engine's answer is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise AccessError("a container engine's answer is not a mapping")
    return found


def _text(found: Mapping[str, object], key: str) -> str:
    value = found.get(key)
    if isinstance(value, str):
        return value
    return ""


def _number(found: Mapping[str, object], key: str) -> int:
    value = found.get(key)
    if isinstance(value, int):
        return value
    return 0
