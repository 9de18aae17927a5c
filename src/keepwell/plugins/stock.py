"""What lies in an engine's model store, file by file, beside what its models need: so that the two can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.plugins.engine import StoreEntry
from keepwell.transport.base import DigestForm, Transport

#: "blob": its name is the digest of its bytes. "plain": a model file of any name. "partial": of a download.
#: "temporary": of a model that was being made. "misplaced": a manifest that the engine does not see. "other": none of
#: these.
Role: TypeAlias = Literal["blob", "plain", "partial", "temporary", "misplaced", "other"]

#: How the name of a folder ends in which things of a store were set aside; never a store itself.
SET_ASIDE = ".set-aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFile:
    """A file of a store. `form` and `digest` (small letters) are what its name promises of its bytes, both "" where
    the name says nothing. `taken_bytes` is what it takes on the disk, `inode` tells one file of several names. Where it
    could not be looked at, `problem` says why and the numbers are 0.
    """

    path: str
    role: Role
    size_bytes: int = 0
    taken_bytes: int = 0
    modified_at: float = 0.0
    inode: int = 0
    form: DigestForm | Literal[""] = ""
    digest: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A store as it lies there: `files` are all that hold or held weights, `named` what its models need (see
    `StoreEntry`). `counted` says that what no model names is needed by nothing.
    """

    root: str
    files: tuple[StockFile, ...]
    named: tuple[StoreEntry, ...]
    counted: bool = True


@runtime_checkable
class ListsStock(Protocol):
    """An engine whose store can be compared with what its models need."""

    def holds_stock(self, names: Sequence[str]) -> bool:
        """True if a folder with these names in it is a store of this engine."""
        ...

    async def stock(self, folder: str, transport: Transport) -> Stock | Missing:
        """What lies there. Reads names, manifests and headers, no weights: some 0.1 ms a file."""
        ...

    def fetch_command(self, model: str) -> tuple[str, ...]:
        """The command that fetches what is missing of a model; () where the engine has none."""
        ...


@runtime_checkable
class NamesStore(Protocol):
    """An engine with a setting that names the folder of its store: `store_setting` is its name."""

    store_setting: str


async def look_at_file(file: StockFile, transport: Transport) -> StockFile:
    """The same with its numbers, or with what kept them from being seen. Links are followed."""
    problem = ""
    try:
        found = await transport.stat(file.path)
    except AccessError as error:
        return StockFile(path=file.path, role=file.role, form=file.form, digest=file.digest, problem=str(error))
    if found.kind != "file":
        problem = f"a {found.kind} lies there, not a file"
    return StockFile(
        path=file.path,
        role=file.role,
        size_bytes=found.size_bytes,
        taken_bytes=found.allocated_bytes,
        modified_at=found.modified_at,
        inode=found.inode,
        form=file.form,
        digest=file.digest,
        problem=problem,
    )
