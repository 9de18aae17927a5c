"""The files that tables name as their source: from a Git repository at one commit, or beside keepwell.toml."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from keepwell.config.wish_shapes import source as require_source
from keepwell.conform.desired.resolve import Wished
from keepwell.core.errors import AccessError, NotThere, TooLarge
from keepwell.core.observation import Missing, failed
from keepwell.core.text import cut_text, escape_controls
from keepwell.plugins.wish import CONTENT, SOURCE
from keepwell.transport.base import Ran, Transport

#: Bytes of one source; the largest settings and compose files are some hundred kilobytes.
SOURCE_BYTES = 4 * 1024 * 1024
#: Seconds for what Git does here, and for what it fetches from elsewhere.
GIT_SECONDS, FETCH_SECONDS = 20.0, 60.0
#: What is meant where no revision is named.
HEAD = "HEAD"
#: Git asks nobody anything, runs no program of a repository, and reads no settings of a system or a user but those
#: that say how to log in; a repository may belong to another user, since nothing of it is run.
GIT = (
    "env",
    "GIT_TERMINAL_PROMPT=0",
    "GIT_ASKPASS=true",
    "SSH_ASKPASS=true",
    "GIT_SSH_COMMAND=ssh -o BatchMode=yes -o ConnectTimeout=10",
    "GIT_OPTIONAL_LOCKS=0",
    "GIT_NO_REPLACE_OBJECTS=1",
    "git",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "protocol.ext.allow=never",
)
#: Folder of the state folder in which repositories of other places are mirrored.
MIRRORS = "repositories"
_SAID = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What was read: the repository as it is named, the revision that was wished, and the commit that it is now."""

    repository: str
    revision: str
    commit: str


@dataclass(slots=True)
class Sources:
    """Reads sources, each repository's commit once. `here` is this machine, `beside` the folder of keepwell.toml,
    `state` where mirrors are kept.
    """

    here: Transport
    state: Path
    beside: Path | None = None
    _commits: dict[tuple[str, str], Revision | AccessError] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def revisions(self) -> tuple[Revision, ...]:
        """The commits that were read from."""
        return tuple(one for one in self._commits.values() if isinstance(one, Revision))

    async def fill(self, wished: Wished) -> Wished:
        """The same with the bytes of its source, or with why there are none."""
        name = wished.wish.get(SOURCE)
        if not isinstance(name, str) or wished.missing is not None:
            return wished
        try:
            content = await self.read(wished.group.repository, wished.group.revision, name)
        except AccessError as error:
            return replace(wished, missing=_missing(name, error))
        return replace(wished, wish={**wished.wish, CONTENT: content})

    async def read(self, repository: str, revision: str, name: str) -> bytes:
        """The bytes of a file of a repository ("": beside keepwell.toml). Raises AccessErrors."""
        try:
            require_source(name)
        except ValueError as error:
            raise AccessError(f"not a source: expected {error}", where=name) from None
        if not repository:
            return await self._read_beside(name)
        found = await self._find(repository, revision or HEAD)
        folder = self._folder(repository)
        return await _show(self.here, folder, f"{found.commit}:{name}")

    async def _read_beside(self, name: str) -> bytes:
        if self.beside is None:
            raise NotThere("there is no keepwell.toml that it could lie beside", where=name)
        path = (self.beside / name).resolve()
        if not path.is_relative_to(self.beside.resolve()):
            raise AccessError("a link leads out of the folder of keepwell.toml", where=str(self.beside / name))
        content = await self.here.read(str(path), max_bytes=SOURCE_BYTES + 1)
        if len(content) > SOURCE_BYTES:
            raise TooLarge(f"more than {SOURCE_BYTES} bytes", where=str(path))
        return content

    async def _find(self, repository: str, revision: str) -> Revision:
        """The commit of a revision, found once: every node gets the same."""
        async with self._turn:
            known = self._commits.get((repository, revision))
            if known is None:
                try:
                    known = await self._resolve(repository, revision)
                except AccessError as error:
                    known = error
                self._commits[repository, revision] = known
        if isinstance(known, AccessError):
            raise type(known)(known.what, where=known.where, command=known.command, hint=known.hint)
        return known

    async def _resolve(self, repository: str, revision: str) -> Revision:
        folder = self._folder(repository)
        if not repository.startswith("/"):
            await self._mirror(repository, folder)
        argv = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        ran = await _git(self.here, folder, argv)
        commit = ran.text.strip()
        if ran.code or not commit:
            said = _said(ran) or "there is no such revision"
            raise NotThere(f"Git cannot tell {revision}: {said}", where=repository)
        return Revision(repository=repository, revision=revision, commit=commit)

    def _folder(self, repository: str) -> str:
        if repository.startswith("/"):
            return repository
        return str(self.state / MIRRORS / f"{hashlib.sha256(repository.encode()).hexdigest()[:24]}.git")

    async def _mirror(self, repository: str, folder: str) -> None:
        """All branches and tags of a repository elsewhere, as they are now; made again where a kill left it half."""
        made = await _git(self.here, "", ("init", "--quiet", "--bare", folder))
        if made.code:
            raise AccessError(f"no mirror can be made: {_said(made)}", where=folder)
        specs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        argv = ("fetch", "--quiet", "--prune", "--no-recurse-submodules", "--end-of-options", repository, *specs)
        ran = await _git(self.here, folder, argv, FETCH_SECONDS)
        if ran.code:
            raise AccessError(f"cannot be fetched: {_said(ran)}", where=repository, hint="try by hand: git ls-remote")
        await self._follow_head(repository, folder)

    async def _follow_head(self, repository: str, folder: str) -> None:
        """Let HEAD of the mirror be what it is there."""
        ran = await _git(
            self.here, folder, ("ls-remote", "--symref", "--end-of-options", repository, HEAD), FETCH_SECONDS
        )
        first = ran.text.partition("\t")[0]
        if not ran.code and first.startswith("ref: refs/heads/"):
            await _git(self.here, folder, ("symbolic-ref", HEAD, first.removeprefix("ref: ")))


async def _show(here: Transport, folder: str, place: str) -> bytes:
    """The bytes of COMMIT:PATH. A folder, a link and a submodule are no files."""
    commit, _, name = place.partition(":")
    listed = await _git(here, folder, ("ls-tree", "-z", "-l", "--full-tree", "--end-of-options", commit, "--", name))
    words = listed.stdout.rstrip(b"\0").partition(b"\t")[0].split()
    if listed.code or len(words) != 4:
        raise NotThere(f"commit {commit[:12]} has no such file", where=name)
    mode, kind, _, size = words
    if kind != b"blob" or mode == b"120000":
        raise AccessError("it is no plain file there", where=name)
    if int(size) > SOURCE_BYTES:
        raise TooLarge(f"more than {SOURCE_BYTES} bytes", where=name)
    ran = await _git(here, folder, ("cat-file", "blob", "--end-of-options", place))
    if ran.code:
        raise AccessError(f"Git cannot show it: {_said(ran)}", where=name)
    return ran.stdout


async def _git(here: Transport, folder: str, argv: tuple[str, ...], seconds: float = GIT_SECONDS) -> Ran:
    at = ("-c", f"safe.directory={folder}", "-C", folder) * bool(folder)
    return await here.run((*GIT, *at, *argv), timeout_seconds=seconds, max_bytes=SOURCE_BYTES + 1)


def _said(ran: Ran) -> str:
    lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
    return cut_text(escape_controls("".join(lines[-1:])), _SAID)


def _missing(name: str, error: AccessError) -> Missing:
    return failed(AccessError(f"its source {name} cannot be read: {error}"))
