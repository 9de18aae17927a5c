"""What every transport must do, as assertions that run over any of them.

`build_world` makes files on the real disk and `serve_world` a real HTTP server; `READING` and `CHANGING` are the
assertions, each a coroutine of a transport and the world.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from keepwell.core.entry import ABSENT, Entry
from keepwell.core.errors import AccessError, NotPermitted, NotThere, TimedOut, TooLarge, Unreachable
from keepwell.transport.base import ExactHands, Hands, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where things lie: a folder, a server that answers and a port that nobody holds."""

    folder: str
    url: str
    port: int
    closed_port: int

    def path(self, name: str) -> str:
        """The path of a thing in the folder."""
        return f"{self.folder}/{name}"


Reading: TypeAlias = Callable[[Transport, World], Awaitable[None]]
Changing: TypeAlias = Callable[[Hands, World], Awaitable[None]]
Exact: TypeAlias = Callable[[ExactHands, World], Awaitable[None]]


def build_world(folder: Path) -> None:
    """Make the files that the assertions look at."""
    (folder / "plain").write_bytes(b"0123456789")
    (folder / "plain").chmod(0o640)
    (folder / "empty").write_bytes(b"")
    (folder / "bytes").write_bytes(bytes(range(256)))
    (folder / "below").mkdir()
    (folder / "below" / "one").write_bytes(b"1")
    (folder / "link").symlink_to("plain")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")


@asynccontextmanager
async def serve_world(folder: Path, closed_port: int) -> AsyncIterator[World]:
    """Answer HTTP on a loopback port for as long as the block runs."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        writer.write(ANSWERS.get(head.split(" ")[1], ANSWERS["/none"]))
        await writer.drain()
        if "/slow" not in head and "/stall" not in head:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield World(folder=str(folder), url=f"http://127.0.0.1:{port}", port=port, closed_port=closed_port)
    finally:
        server.close()
        for one in writers:
            one.close()


def _response(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


#: What the server says at each path; `/slow` never answers and `/stall` stops within its body.
ANSWERS = {
    "/ok": _response("200 OK", b'{"ok": true}', "Content-Type: application/json", "X-Mixed-Case: Yes"),
    "/none": _response("404 Not Found", b"no"),
    "/moved": _response("302 Found", b"", "Location: /ok"),
    "/big": _response("200 OK", b"x" * 100_000),
    "/raw": _response("200 OK", bytes(range(256))),
    "/slow": b"",
    "/stall": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "/broken": b"this is not HTTP\r\n\r\n",
}


async def reads_bytes(transport: Transport, world: World) -> None:
    """Whole files, stretches, past the end, any byte."""
    assert await transport.read(world.path("plain")) == b"0123456789"
    assert await transport.read(world.path("plain"), offset=3, max_bytes=4) == b"3456"
    assert await transport.read(world.path("plain"), offset=8) == b"89"
    assert await transport.read(world.path("plain"), offset=50) == b""
    assert await transport.read(world.path("empty")) == b""
    assert await transport.read(world.path("bytes")) == bytes(range(256))
    assert await transport.read(world.path("link")) == b"0123456789"


async def refuses_to_read_what_is_no_file(transport: Transport, world: World) -> None:
    """Nothing there, a folder, a pipe, a device, a loop: an AccessError that names the path, and at once."""
    await _raises(NotThere, transport.read(world.path("nothing")), world.path("nothing"))
    await _raises(NotThere, transport.read(world.path("plain/below")), world.path("plain/below"))
    await _raises(NotThere, transport.read(world.path("dangling")), world.path("dangling"))
    await _raises(NotThere, transport.read("/nul\0byte"), "nul")
    for name in ("below", "pipe", "loop"):
        await _raises(AccessError, transport.read(world.path(name)), world.path(name))
    await _raises(AccessError, transport.read("/dev/null"), "/dev/null")


async def stats_each_kind(transport: Transport, world: World) -> None:
    """Kind, size, mode and owner; a link by itself and through."""
    plain = await transport.stat(world.path("plain"))
    assert (plain.kind, plain.size_bytes, plain.mode) == ("file", 10, 0o640)
    assert (plain.uid, plain.gid) == (os.getuid(), os.getgid())
    assert (await transport.stat(world.path("link"))).kind == "file"
    assert (await transport.stat(world.path("link"), follow=False)).kind == "link"
    assert (await transport.stat(world.path("dangling"), follow=False)).kind == "link"
    await _raises(NotThere, transport.stat(world.path("dangling")), world.path("dangling"))
    assert (await transport.stat(world.path("below"))).kind == "directory"
    assert (await transport.stat(world.path("pipe"))).kind == "pipe"
    null = await transport.stat("/dev/null")
    assert null.kind == "character"
    assert null.device
    await _raises(NotThere, transport.stat(world.path("nothing")), world.path("nothing"))


async def lists_and_follows(transport: Transport, world: World) -> None:
    """Sorted names; links as written."""
    expected = ("below", "bytes", "dangling", "empty", "link", "loop", "pipe", "plain")
    assert await transport.list(world.folder) == expected
    assert await transport.list(world.path("below")) == ("one",)
    await _raises(NotThere, transport.list(world.path("nothing")), world.path("nothing"))
    await _raises(NotThere, transport.list(world.path("plain")), world.path("plain"))
    assert await transport.link(world.path("link")) == "plain"
    assert await transport.link(world.path("dangling")) == "nowhere"
    await _raises(AccessError, transport.link(world.path("plain")), world.path("plain"))
    await _raises(NotThere, transport.link(world.path("nothing")), world.path("nothing"))


async def measures_room(transport: Transport, world: World) -> None:
    """Total and free in bytes and inodes."""
    room = await transport.space(world.folder)
    assert 0 < room.free_bytes <= room.total_bytes
    assert room.inodes_free <= room.inodes
    assert room.read_only is False
    await _raises(NotThere, transport.space(world.path("nothing")), world.path("nothing"))


async def runs_commands(transport: Transport, world: World) -> None:
    """Any exit code is an answer; no such program is NotThere; limits hold."""
    good = await transport.run([sys.executable, "-c", "import os; print(os.environ['LC_ALL'])"])
    assert (good.code, good.stdout, good.stderr) == (0, b"C\n", b"")
    bad = await transport.run([sys.executable, "-c", "import sys; sys.stderr.write('no'); sys.exit(3)"])
    assert (bad.code, bad.stdout, bad.stderr) == (3, b"", b"no")
    killed = await transport.run(["sh", "-c", "kill -9 $$"])
    assert killed.code == -9
    fed = await transport.run(["cat"], stdin=b"in \xff out")
    assert fed.stdout == b"in \xff out"
    await _raises(NotThere, transport.run(["/no/such/program", "-x"]), "/no/such/program -x")
    await _raises(NotThere, transport.run([world.path("nothing")]), world.path("nothing"))
    await _raises(NotThere, transport.run(["echo", "nul\0byte"]), "nul")
    await _raises(TimedOut, transport.run(["sleep", "50"], timeout_seconds=0.1), "sleep 50")
    await _raises(TooLarge, transport.run(["yes"], max_bytes=1000), "yes")


async def asks_http(transport: Transport, world: World) -> None:
    """Any status is an answer; header names in lower case; redirects are not followed."""
    ok = await transport.http("GET", f"{world.url}/ok")
    assert (ok.status, ok.body) == (200, b'{"ok": true}')
    assert ok.headers["content-type"] == "application/json"
    assert ok.headers["x-mixed-case"] == "Yes"
    assert (await transport.http("GET", f"{world.url}/nope")).status == 404
    moved = await transport.http("POST", f"{world.url}/moved", body=b"{}", headers={"Authorization": "Bearer x"})
    assert (moved.status, moved.headers["location"]) == (302, "/ok")
    assert (await transport.http("GET", f"{world.url}/raw")).body == bytes(range(256))


async def tells_http_failures_apart(transport: Transport, world: World) -> None:
    """Refused, silent, cut, too large, not HTTP, not a URL; each with the URL in it."""
    closed = f"http://127.0.0.1:{world.closed_port}/x"
    await _raises(Unreachable, transport.http("GET", closed), f"GET {closed}")
    for name in ("slow", "stall"):
        url = f"{world.url}/{name}"
        await _raises(TimedOut, transport.http("GET", url, timeout_seconds=0.2), url)
    await _raises(TooLarge, transport.http("GET", f"{world.url}/big", max_bytes=5000), "/big")
    await _raises(Unreachable, transport.http("GET", f"{world.url}/broken"), "/broken")
    for url in ("no-scheme", "ftp://127.0.0.1/", "http://[::bad/", "http://", "http://127.0.0.1:99999/"):
        await _raises(Unreachable, transport.http("GET", url), url)


async def connects(transport: Transport, world: World) -> None:
    """A listening port and a closed one."""
    await transport.connect("127.0.0.1", world.port)
    await _raises(Unreachable, transport.connect("127.0.0.1", world.closed_port), f"127.0.0.1:{world.closed_port}")


async def closes_twice(transport: Transport, world: World) -> None:
    """Closing is safe to repeat."""
    await transport.close()
    await transport.close()


async def replaces_files(hands: Hands, world: World) -> None:
    """New with the mode given, old with its own; nothing else is left in the folder; links stay."""
    await hands.write(world.path("below/two"), b"new", mode=0o600)
    assert await hands.read(world.path("below/two")) == b"new"
    assert (await hands.stat(world.path("below/two"))).mode == 0o600
    await hands.write(world.path("plain"), b"", mode=0o777)
    assert await hands.read(world.path("plain")) == b""
    assert (await hands.stat(world.path("plain"))).mode == 0o640
    await hands.write(world.path("link"), b"through")
    assert await hands.read(world.path("plain")) == b"through"
    assert await hands.link(world.path("link")) == "plain"
    assert await hands.list(world.path("below")) == ("one", "two")


async def refuses_bad_writes(hands: Hands, world: World) -> None:
    """No folder, a folder, a pipe: an AccessError, and all is as it was."""
    await _raises(NotThere, hands.write(world.path("gone/file"), b"x"), world.path("gone/file"))
    await _raises(AccessError, hands.write(world.path("below"), b"x"), world.path("below"))
    await _raises(AccessError, hands.write(world.path("pipe"), b"x"), world.path("pipe"))
    assert await hands.list(world.path("below")) == ("one",)


async def changes_mode_and_owner(hands: Hands, world: World) -> None:
    """Permission bits and owner of the thing itself."""
    await hands.set_mode(world.path("plain"), 0o600)
    assert (await hands.stat(world.path("plain"))).mode == 0o600
    await hands.set_mode(world.path("below"), 0o711)
    assert (await hands.stat(world.path("below"))).mode == 0o711
    await _raises(NotPermitted, hands.set_mode(world.path("link"), 0o644), world.path("link"))
    await _raises(NotThere, hands.set_mode(world.path("nothing"), 0o644), world.path("nothing"))
    await hands.set_owner(world.path("plain"), os.getuid(), os.getgid())
    assert (await hands.stat(world.path("plain"))).uid == os.getuid()
    await _raises(NotThere, hands.set_owner(world.path("nothing"), 0, 0), world.path("nothing"))


async def removes(hands: Hands, world: World) -> None:
    """One file or link, not what it points to, and no folder."""
    await hands.remove(world.path("link"))
    assert await hands.read(world.path("plain")) == b"0123456789"
    await hands.remove(world.path("plain"))
    await _raises(NotThere, hands.stat(world.path("plain")), world.path("plain"))
    await _raises(NotThere, hands.remove(world.path("plain")), world.path("plain"))
    await _raises(AccessError, hands.remove(world.path("below")), world.path("below"))


async def puts_back_what_was_there(hands: ExactHands, world: World) -> None:
    """A file, a link, a folder and nothing, wholly: bytes, mode, owner, time; and the time of the folder around it."""
    names = ("plain", "link", "below", "nothing")
    before = {name: await hands.entry(world.path(name)) for name in names}
    assert [before[name].kind for name in names] == ["file", "link", "folder", "absent"]
    assert (before["plain"].content, before["link"].target) == (b"0123456789", "plain")
    assert (await hands.entry(world.path("plain"), max_bytes=3)).content is None
    await hands.put(world.path("plain"), Entry(kind="file", content=b"new", mode=0o601))
    await hands.put(world.path("link"), Entry(kind="link", target="below/one"))
    await hands.put(world.path("below"), Entry(kind="folder", mode=0o711))
    await hands.put(world.path("nothing"), Entry(kind="folder"))
    await hands.put(world.path("nothing/more"), Entry(kind="file", content=b"", modified_ns=10**18))
    assert (await hands.read(world.path("plain")), (await hands.stat(world.path("plain"))).mode) == (b"new", 0o601)
    assert await hands.read(world.path("link")) == b"1"
    assert (await hands.stat(world.path("nothing/more"))).modified_at == 10**9
    await _raises(AccessError, hands.put(world.path("nothing"), ABSENT), world.path("nothing"))
    await hands.put(world.path("nothing/more"), ABSENT)
    for name in reversed(names):
        await hands.put(world.path(name), before[name])
    assert {name: await hands.entry(world.path(name)) for name in names} == before


async def changes_what_is_said_and_nothing_else(hands: ExactHands, world: World) -> None:
    """Without content only the rest is changed; what is in the way stays."""
    await hands.put(world.path("plain"), Entry(kind="file", mode=0o600))
    assert await hands.read(world.path("plain")) == b"0123456789"
    await _raises(NotThere, hands.put(world.path("nothing"), Entry(kind="file", mode=0o600)), world.path("nothing"))
    await _raises(AccessError, hands.put(world.path("below"), Entry(kind="file", content=b"")), world.path("below"))
    await _raises(AccessError, hands.put(world.path("plain"), Entry(kind="folder")), world.path("plain"))
    await _raises(AccessError, hands.entry(world.path("pipe")), world.path("pipe"))
    assert (await hands.entry(world.path("gone/file"))).kind == "absent"
    await _raises(NotThere, hands.put(world.path("gone/file"), Entry(kind="file", content=b"")), "gone")


async def renames(hands: ExactHands, world: World) -> None:
    """On the same file system, and never over something."""
    await _raises(AccessError, hands.rename(world.path("plain"), world.path("below")), world.path("plain"))
    await hands.rename(world.path("plain"), world.path("below/plain"))
    assert await hands.read(world.path("below/plain")) == b"0123456789"
    assert (await hands.entry(world.path("plain"))).kind == "absent"
    await _raises(NotThere, hands.rename(world.path("plain"), world.path("other")), world.path("plain"))


READING: tuple[Reading, ...] = (
    reads_bytes,
    refuses_to_read_what_is_no_file,
    stats_each_kind,
    lists_and_follows,
    measures_room,
    runs_commands,
    asks_http,
    tells_http_failures_apart,
    connects,
    closes_twice,
)
CHANGING: tuple[Changing, ...] = (replaces_files, refuses_bad_writes, changes_mode_and_owner, removes)
EXACT: tuple[Exact, ...] = (puts_back_what_was_there, changes_what_is_said_and_nothing_else, renames)


async def _raises(kind: type[AccessError], call: Awaitable[object], named: str) -> None:
    try:
        got = await call
    except kind as error:
        said = str(error)
    else:
        raise AssertionError(f"expected {kind.__name__} for {named!r}, got {got!r}")
    assert named in said, f"{named!r} is not named in: {said}"
