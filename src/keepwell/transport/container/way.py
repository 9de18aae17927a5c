"""ContainerTransport: a container of a node, seen from its own namespaces. Reads only.

It stands on a transport of the node. The engine (Docker, Podman) tells the first process of the container over its
Unix socket. Files come from that process's root, links resolved inside it; requests and connections are made from
its network, with its own hosts and name servers; programs of the container are run by the engine, with the rights
that it gives them. Where this user may not look into the process, all of it goes through the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.core.errors import AccessError, NotPermitted, NotThere, Unreachable
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran, Reply, Space, Stat, Transport
from keepwell.transport.container.api import ContainerApi, Inspected
from keepwell.transport.container.asker import ask_connect, ask_http, program_text
from keepwell.transport.container.files import ExecutedFiles
from keepwell.transport.container.inside import FilesInside, files_below
from keepwell.transport.container.sockets import CONTAINER_ENGINES, ContainerEngine, find_sockets

#: Where programs are looked for in a container that is entered: its own PATH is that of one of its processes.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What a program in a container is told to speak.
LANGUAGE = {"LC_ALL": "C", "LANGUAGE": "C"}
#: The map of user ids of a process that lies in no user namespace of its own.
WHOLE_MAP = ["0", "0", "4294967295"]
#: Bytes of /etc/hosts and /etc/resolv.conf that are read; engines write a few hundred.
NAMES_BYTES = 64 * 1024
#: Bytes of a wish that may stand in a command line; the kernel takes 128 KiB in one argument.
OPEN_WISH_BYTES = 100 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """The first process of a container, as the node sees it: its mount namespace (so that another process which
    gets its number is not taken for it), its user and group, whether it lies in a user namespace of its own.
    """

    pid: int
    space: str
    uid: int
    gid: int
    mapped: bool


async def open_container(
    host: Transport, name: str, *, engines: Iterable[ContainerEngine] = CONTAINER_ENGINES
) -> ContainerTransport:
    """The container of this name or id on a node. Costs a few file calls and one request for each engine.

    Raises NotThere (no engine, no such container, or it does not run), NotPermitted (not for this user).
    """
    sockets = await find_sockets(host, engines)
    refused: AccessError | None = None
    for one in sockets:
        api = ContainerApi(host, one)
        try:
            found = await api.inspect(name)
        except NotThere:
            continue
        except AccessError as error:
            refused = refused or error
            continue
        return await _open(host, api, found)
    if refused is not None:
        raise refused
    if not sockets:
        hint = "; or ".join(f"{engine.title}: {engine.wake}" for engine in engines)
        raise NotThere(f"no container engine listens here, so container {name} cannot be found", hint=hint)
    asked = ", ".join(one.path for one in sockets)
    hint = "; ".join(f"{one.engine.runtime} ps -a" for one in sockets)
    raise NotThere(f"no container is called {name}", where=asked, hint=hint)


async def _open(host: Transport, api: ContainerApi, found: Inspected) -> ContainerTransport:
    if not found.running:
        raise NotThere(
            f"container {found.name} does not run: it is {found.status} (last exit code {found.exit_code})",
            where=api.socket.path,
            hint=f"{api.socket.engine.runtime} start {found.name}",
        )
    return ContainerTransport(host, api, found, await _find_inner(host, found.pid))


async def _find_inner(host: Transport, pid: int) -> Inner | None:
    """The first process, if root on the node may look into it and its root is not the node's own."""
    try:
        if (await host.run(("id", "-u"))).text.strip() != "0":
            return None
        own, space = await host.link("/proc/self/ns/mnt"), await host.link(f"/proc/{pid}/ns/mnt")
        await host.stat(f"/proc/{pid}/root/")
        status = (await host.read(f"/proc/{pid}/status")).decode("utf-8", "replace")
        whole = (await host.read(f"/proc/{pid}/uid_map")).decode("ascii", "replace").split() == WHOLE_MAP
    except AccessError:
        return None
    if own == space:
        return None
    ids = {line.partition(":")[0]: line.split() for line in status.splitlines()}
    try:
        return Inner(pid=pid, space=space, uid=int(ids["Uid"][1]), gid=int(ids["Gid"][1]), mapped=not whole)
    except (KeyError, IndexError, ValueError):
        return None


class ContainerTransport:
    """A `Transport` whose node is a container. `name` is the container's; `python` is "": none is known in it.

    Made by `open_container`. A container that ends meanwhile is Unreachable from then on.
    """

    def __init__(self, host: Transport, api: ContainerApi, container: Inspected, inner: Inner | None) -> None:
        self.name = container.name
        self.python = ""
        self.engine = api.socket.engine
        self._host = host
        self._api = api
        self._container = container
        self._inner = inner
        self._files: FilesInside = ExecutedFiles(self._execute, self._archive)
        if inner is not None:
            self._files = files_below(host, f"/proc/{inner.pid}/root")

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """Run a program of the container by its engine, as its own user and within its own limits.

        An engine that runs nothing for others (a socket that only reads) leaves root on the node to enter the
        container's namespaces as its user; a program of a container that is root itself is not run like that,
        because it would have all rights of the node's root.
        """
        await self._present()
        if stdin:
            raise NotPermitted("a program in a container is given no input", where=self.name, command=" ".join(argv))
        try:
            return await self._api.execute(
                self._container, argv, environment=LANGUAGE, timeout_seconds=timeout_seconds, max_bytes=max_bytes
            )
        except NotPermitted as refused:
            if self._inner is None:
                raise
            if self._inner.uid == 0 and not self._inner.mapped:
                raise NotPermitted(
                    f"{refused.what}, and the container runs as root", where=self.name, command=" ".join(argv)
                ) from refused
            return await self._enter(self._inner, argv, timeout_seconds, max_bytes)

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """Up to `max_bytes` from `offset` of a regular file in the container."""
        await self._present()
        try:
            return await self._files.read(path, offset=offset, max_bytes=max_bytes)
        except NotThere as error:
            raise await self._whether_gone(error) from error

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """What lies at a path in the container."""
        await self._present()
        try:
            return await self._files.stat(path, follow=follow)
        except NotThere as error:
            raise await self._whether_gone(error) from error

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder of the container, sorted."""
        await self._present()
        try:
            return await self._files.list(path)
        except NotThere as error:
            raise await self._whether_gone(error) from error

    async def link(self, path: str) -> str:
        """Where a symbolic link in the container points, as written."""
        await self._present()
        return await self._files.link(path)

    async def space(self, path: str) -> Space:
        """Room on the file system in the container that holds a path."""
        await self._present()
        return await self._files.space(path)

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
        """One request from the container's network place, names as the container knows them."""
        await self._present()
        wish = {**await self._names(), "headers": dict(headers or {}), "max_bytes": max_bytes}
        return await ask_http(self._launch, {**wish, "seconds": float(timeout_seconds)}, method, url, body)

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """Open a TCP connection from the container's network place and close it."""
        await self._present()
        await ask_connect(self._launch, {**await self._names(), "seconds": float(timeout_seconds)}, host, port)

    async def close(self) -> None:
        """Nothing of its own to let go of: the node's transport is its owner's."""

    async def _launch(self, wish: bytes, seconds: float, max_bytes: int) -> Ran:
        """The asking program: the node's interpreter in the container's network, or one that is in the container.

        The wish goes in by standard input or environment, because headers may hold a key and others can read a
        command line.
        """
        program = ("-I", "-c", program_text())
        if self._inner is None:
            variables = {**LANGUAGE, "KEEPWELL_ASKED": wish.decode("ascii")}
            return await self._api.execute(
                self._container,
                ("python3", *program),
                environment=variables,
                timeout_seconds=seconds,
                max_bytes=max_bytes,
            )
        python = self._host.python or "python3"
        argv = ("nsenter", "-t", str(self._inner.pid), "-n", "--", python, *program)
        if len(wish) < OPEN_WISH_BYTES and b'"op": "connect"' in wish:
            # Nothing secret is in it, and so a recording can tell one address from another.
            return await self._host.run((*argv, wish.decode("ascii")), timeout_seconds=seconds, max_bytes=max_bytes)
        return await self._host.run(argv, stdin=wish, timeout_seconds=seconds, max_bytes=max_bytes)

    async def _names(self) -> Mapping[str, object]:
        """What the container looks names up in, for a program that runs outside of its files."""
        if self._inner is None:
            return {}
        return {"hosts": await self._text("/etc/hosts"), "resolv": await self._text("/etc/resolv.conf")}

    async def _text(self, path: str) -> str:
        try:
            return (await self._files.read(path, offset=0, max_bytes=NAMES_BYTES)).decode("utf-8", "replace")
        except AccessError:
            return ""

    async def _enter(self, inner: Inner, argv: Sequence[str], seconds: float, max_bytes: int) -> Ran:
        user: tuple[str, ...] = ("-S", str(inner.uid), "-G", str(inner.gid))
        if inner.mapped:
            user = ("-U",)
        spaces = ("-m", "-u", "-n", "-p", "-r", "-w")
        entered = ("nsenter", "-t", str(inner.pid), *user, *spaces, "--", *argv)
        clean = ("env", "-i", f"PATH={PATH}", *(f"{name}={value}" for name, value in LANGUAGE.items()))
        ran = await self._host.run((*clean, *entered), timeout_seconds=seconds, max_bytes=max_bytes)
        if ran.code in (126, 127) and b"failed to execute" in ran.stderr:
            raise NotThere(f"no such program in container {self.name}", command=" ".join(argv))
        return Ran(argv=tuple(argv), code=ran.code, stdout=ran.stdout, stderr=ran.stderr, seconds=ran.seconds)

    async def _execute(self, argv: Sequence[str], max_bytes: int) -> Ran:
        return await self._api.execute(
            self._container, argv, environment=LANGUAGE, timeout_seconds=CALL_SECONDS, max_bytes=max_bytes
        )

    async def _archive(self, path: str, max_bytes: int) -> bytes:
        return await self._api.archive(self._container, path, max_bytes=max_bytes)

    async def _present(self) -> None:
        """Unreachable once the process that was found is gone, or its number is another's."""
        if self._inner is None:
            return
        try:
            space = await self._host.link(f"/proc/{self._inner.pid}/ns/mnt")
        except NotThere:
            space = ""
        if space != self._inner.space:
            raise self._gone()

    async def _whether_gone(self, error: NotThere) -> AccessError:
        """The error itself, or that the whole container is gone."""
        try:
            await self._present()
        except Unreachable as gone:
            return gone
        return error

    def _gone(self) -> Unreachable:
        return Unreachable(
            f"container {self.name} has ended since it was found",
            where=self._api.socket.path,
            hint=f"{self.engine.runtime} ps -a --filter name={self.name}",
        )
