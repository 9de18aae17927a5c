"""FarTransport: another machine, through a far end there, over whatever line is dialled. Reads and changes."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from keepwell import __version__
from keepwell.core.entry import Entry
from keepwell.core.errors import AccessError, NotPermitted, NotThere, TimedOut, TooLarge, Unreachable
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, DigestForm, Ran, Reply, Space, Stat, Streamed
from keepwell.transport.entries import ENTRY_BYTES, parse_fields, render_fields
from keepwell.transport.failures import KINDS, describe_error, shown_command, shown_request
from keepwell.transport.streaming import parse_streamed
from keepwell.transport.talk import Dial, Talk, again
from keepwell.transport.wire import Answer, BrokenFrame, Header

#: Seconds above a call's own limit in which the far end may say that the limit was reached.
GRACE_SECONDS = 1.0
#: Seconds for a durable write, as on the local machine.
WRITE_SECONDS = 60.0
#: Bytes of one answer to a read: a large file must not keep all other answers waiting on a slow line.
PIECE_BYTES = 1024 * 1024
#: Seconds between two questions how far digests and copies are.
COUNT_SECONDS = 0.5
#: Calls under way at once: more would only wait at the far end.
IN_FLIGHT = 256

T = TypeVar("T")
_NAMED: dict[str, type[AccessError]] = {
    kind.__name__: kind for kind in (NotThere, NotPermitted, TimedOut, Unreachable, TooLarge)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A call and what an error of it names."""

    call: str
    args: Header
    payload: bytes = b""
    seconds: float = CALL_SECONDS
    where: str = ""
    command: str = ""
    otherwise: type[AccessError] = AccessError


class FarTransport:
    """`Hands` on the machine at the other end of a line; calls run side by side there.

    A line that is lost fails every call that waits with Unreachable; the next call opens a new one, if the last
    one was of any use, and once. Belongs to one event loop.
    """

    def __init__(self, name: str, dial: Dial) -> None:
        self.name = name
        self.python = ""
        self.cores = 1
        self._heard: dict[str, _Heard] = {}
        self._dial = dial
        self._talk: Talk | None = None
        self._opening: asyncio.Task[Talk] | None = None
        self._failed: AccessError | None = None
        self._room = asyncio.Semaphore(IN_FLIGHT)

    async def open(self) -> Header:
        """Dial, so that it is known to work; what the far end says of its machine. Raises AccessErrors."""
        talk = await self._reach()
        hello = await talk.hello
        cores = hello.get("cores", 1)
        if type(cores) is int:
            self.cores = max(1, cores)
        return hello

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """Run an argument list there with LC_ALL=C; its process group ends at a limit, a cancel or a lost line."""
        args = {"argv": list(argv), "timeout_seconds": timeout_seconds, "max_bytes": max_bytes}
        got, payload = await self._ask(
            _Asked(call="run", args=args, payload=stdin, seconds=timeout_seconds, command=shown_command(argv))
        )
        split = _integer(got, "split")
        return Ran(
            argv=tuple(argv),
            code=_integer(got, "code"),
            stdout=payload[:split],
            stderr=payload[split:],
            seconds=float(got.get("seconds", 0.0)),
        )

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file; large ones in pieces, each with its own time limit."""
        parts: list[bytes] = []
        left = max_bytes
        while left > 0 or not parts:
            wanted = min(left, PIECE_BYTES)
            args = {"path": path, "offset": offset, "max_bytes": wanted}
            _, part = await self._ask(_Asked(call="read", args=args, where=path))
            parts.append(part)
            offset += len(part)
            left -= len(part)
            if len(part) < wanted:
                break
        return b"".join(parts)

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """What lies at a path."""
        got, _ = await self._ask(_Asked(call="stat", args={"path": path, "follow": follow}, where=path))
        return _made(Stat, got)

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        _, payload = await self._ask(_Asked(call="list", args={"path": path}, where=path))
        return tuple(sorted(_text(name) for name in payload.split(b"\0")[:-1]))

    async def link(self, path: str) -> str:
        """Where a symbolic link points, as written."""
        _, payload = await self._ask(_Asked(call="link", args={"path": path}, where=path))
        return _text(payload)

    async def space(self, path: str) -> Space:
        """Room on the file system that holds a path."""
        got, _ = await self._ask(_Asked(call="space", args={"path": path}, where=path))
        return _made(Space, got)

    async def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Reply:
        """One request from there, past any proxy variable, redirects not followed."""
        sent = {"User-Agent": f"keepwell/{__version__}", "Accept": "*/*", **(headers or {})}
        args = {
            "method": method,
            "url": url,
            "headers": sent,
            "timeout_seconds": timeout_seconds,
            "max_bytes": max_bytes,
        }
        shown = shown_request(method, url)
        got, payload = await self._ask(
            _Asked(call="http", args=args, payload=body, seconds=timeout_seconds, command=shown, otherwise=Unreachable)
        )
        found = {str(name): str(value) for name, value in dict(got.get("headers", {})).items()}
        seconds = float(got.get("seconds", 0.0))
        return Reply(status=_integer(got, "status"), headers=found, body=payload, seconds=seconds)

    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Streamed:
        """One request from there with the time at which each part of its answer arrived there."""
        args = {
            "method": method,
            "url": url,
            "headers": {"User-Agent": f"keepwell/{__version__}", "Accept": "*/*", **(headers or {})},
            "timeout_seconds": timeout_seconds,
            "max_bytes": max_bytes,
            "times": True,
        }
        shown = shown_request(method, url)
        asked = _Asked(
            call="http", args=args, payload=body, seconds=timeout_seconds, command=shown, otherwise=Unreachable
        )
        return parse_streamed(*await self._ask(asked))

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """Open a TCP connection from there and close it."""
        args = {"host": host, "port": port, "timeout_seconds": timeout_seconds}
        where = f"{host}:{port}"
        await self._ask(_Asked(call="connect", args=args, seconds=timeout_seconds, where=where, otherwise=Unreachable))

    async def samples(self, args: Header) -> tuple[Header, bytes]:
        """What an agent has sampled since the question before; only agents know this call, and AccessError says so."""
        return await self._ask(_Asked(call="samples", args=args))

    async def gather(self, wanted: Header) -> tuple[Header, bytes]:
        """Many small files, folders, links and sizes in one exchange; see `far/gather.py` for both forms."""
        return await self._ask(_Asked(call="gather", args=wanted))

    async def close(self) -> None:
        """Let go of the line; the far end kills what it started and ends. Safe to call twice."""
        self._failed = Unreachable("this transport was closed")
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        if self._talk is not None:
            self._talk.lost(self._failed)

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Replace a file atomically and durably, keeping its owner, mode and attributes."""
        await self._change("write", {"path": path, "mode": mode}, content, WRITE_SECONDS)

    async def set_mode(self, path: str, mode: int) -> None:
        """Change permission bits; refuses a link."""
        await self._change("set_mode", {"path": path, "mode": mode})

    async def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group; does not follow links."""
        await self._change("set_owner", {"path": path, "uid": uid, "gid": gid})

    async def remove(self, path: str) -> None:
        """Remove one file or link."""
        await self._change("remove", {"path": path}, b"", WRITE_SECONDS)

    async def entry(self, path: str, *, max_bytes: int = ENTRY_BYTES) -> Entry:
        """What lies at a path, wholly."""
        got, payload = await self._ask(_Asked(call="entry", args={"path": path, "max_bytes": max_bytes}, where=path))
        return parse_fields(got, {True: payload, False: None}[got.get("whole") is True])

    async def put(self, path: str, entry: Entry) -> None:
        """Let this lie at a path."""
        args = {"path": path, "entry": render_fields(entry), "whole": entry.content is not None}
        await self._change("put", args, entry.content or b"", WRITE_SECONDS)

    async def rename(self, path: str, target: str) -> None:
        """Give it another name on the same file system."""
        await self._change("rename", {"path": path, "target": target}, b"", WRITE_SECONDS)

    async def digest(self, path: str, form: DigestForm, *, timeout_seconds: float, tell: Callable[[int], None]) -> str:
        """The digest of a file, made there."""
        return await self._bulk("digest", {"path": path, "form": form}, timeout_seconds, tell)

    async def copy(
        self, path: str, target: str, *, bytes_per_second: float, timeout_seconds: float, tell: Callable[[int], None]
    ) -> str:
        """Copy a file there durably; the digest of its bytes."""
        args = {"path": path, "target": target, "bytes_per_second": bytes_per_second}
        return await self._bulk("copy", args, timeout_seconds, tell)

    async def _bulk(self, call: str, args: Header, seconds: float, tell: Callable[[int], None]) -> str:
        """A call that takes long: how far it is, is asked meanwhile."""
        mark = secrets.token_hex(8)
        sent = {**args, "mark": mark, "timeout_seconds": seconds}
        heard = self._heard[mark] = _Heard(tell)
        counting = asyncio.create_task(self._count())
        try:
            got, _ = await self._ask(_Asked(call=call, args=sent, seconds=seconds, where=args["path"]))
        finally:
            del self._heard[mark]
            counting.cancel()
        heard.reach(_integer(got, "bytes"))
        return str(got.get("digest", ""))

    async def _count(self) -> None:
        """Ask how far all such calls are, as long as this one goes on; the more there are, the rarer each asks."""
        with suppress(AccessError):
            while True:
                await asyncio.sleep(COUNT_SECONDS * len(self._heard))
                got, _ = await self._ask(_Asked(call="counts", args={}))
                for mark, count in dict(got.get("counts", {})).items():
                    if mark in self._heard and type(count) is int:
                        self._heard[mark].reach(count)

    async def _change(
        self, call: str, args: Mapping[str, Any], content: bytes = b"", seconds: float = CALL_SECONDS
    ) -> None:
        sent = {**args, "timeout_seconds": seconds}
        await self._ask(_Asked(call=call, args=sent, payload=content, seconds=seconds, where=args["path"]))

    async def _ask(self, asked: _Asked) -> tuple[Header, bytes]:
        try:
            async with self._room:
                talk = self._talk
                if talk is None or talk.over is not None:
                    talk = await self._reach()
                answer = await talk.ask(asked.call, asked.args, asked.payload, asked.seconds + GRACE_SECONDS)
        except AccessError as error:
            raise type(error)(
                error.what, where=error.where or asked.where, command=error.command or asked.command, hint=error.hint
            ) from None
        if answer.ok is None:
            raise _refused(answer, asked)
        return answer.ok, answer.payload

    async def _reach(self) -> Talk:
        """The conversation under way, or a new one; only one is opened at a time, whoever asks."""
        if self._failed is not None:
            raise again(self._failed)
        if self._talk is not None and self._talk.over is None:
            return self._talk
        if self._opening is None or self._opening.done():
            if self._talk is not None and not self._talk.answered and self._talk.over is not None:
                raise again(self._talk.over)
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_look_at)
        return await asyncio.shield(self._opening)

    async def _open(self) -> Talk:
        talk = Talk()
        try:
            line = await self._dial(talk)
            await talk.greet(line)
        except AccessError as error:
            talk.lost(error)
            self._failed = error
            raise
        self._talk = talk
        return talk


class _Heard:
    """How much of a call's bytes was told already."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._count = 0

    def reach(self, count: int) -> None:
        """So many by now."""
        self._tell(max(0, count - self._count))
        self._count = max(count, self._count)


def _look_at(opening: asyncio.Task[Talk]) -> None:
    """An opening that failed after everybody who asked for it had gone is no bug."""
    if not opening.cancelled():
        opening.exception()


def _refused(answer: Answer, asked: _Asked) -> AccessError:
    """The error that the far end tells of."""
    no = answer.no or {}
    what = str(no.get("what", "refused without a reason"))
    kind = _NAMED.get(str(no.get("kind")), AccessError)
    if "errno" in no:
        number = getattr(errno, str(no["errno"]), 0)
        kind = KINDS.get(number, asked.otherwise)
        if number:
            what = describe_error(OSError(number, os.strerror(number)))
    return kind(what, where=asked.where, command=asked.command)


def _made(kind: type[T], fields: Header) -> T:
    try:
        return kind(**fields)
    except TypeError as error:
        raise BrokenFrame(f"an answer that is no {kind.__name__} ({error})") from None


def _integer(fields: Header, name: str) -> int:
    value = fields.get(name)
    if type(value) is not int:
        raise BrokenFrame(f"an answer without {name}")
    return value


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
