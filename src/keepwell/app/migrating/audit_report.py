"""What `migrate audit` answers: files, lines and uses, and what was not read."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.audit.use import Kind, Place
from keepwell.plugins.uses import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedUse:
    """One use: see `keepwell.audit.use.Use`. `new` is the line for the environment or keepwell.toml, "" for none."""

    kind: Kind
    what: str
    verdict: Verdict
    say: str
    place: Place
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedLine:
    """A line with uses, its number from 1, secrets masked. `verdict` is the worst of its uses; `new` is what the line
    has to say, "" where it stays; `in_patch` whether a patch changes it, and `why_not` why one does not.
    """

    line: int
    verdict: Verdict
    old: str
    new: str
    uses: tuple[AuditedUse, ...]
    in_patch: bool = False
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedFile:
    """A file with uses; its path from the root."""

    path: str
    lines: tuple[AuditedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModel:
    """A model that is asked for by name, and in how many places."""

    name: str
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What was passed over, and how often."""

    what: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The answer of `migrate audit`.

    `unchanged`, `line` and `none` count uses by verdict; `lines_here` lines that have to be written anew, `in_patch`
    those of them that a patch changes; `elsewhere` uses by clients in containers or on other machines. `tests`: they
    were looked through too. `patch` is the diff, "" unless it was asked for, with paths from `patch_root`.
    """

    root: str
    gateway: str
    files: tuple[AuditedFile, ...]
    unchanged: int
    line: int
    none: int
    lines_here: int
    in_patch: int
    elsewhere: int
    models: tuple[NamedModel, ...]
    read: int
    read_bytes: int
    seconds: float
    passed: tuple[Passed, ...]
    folders: tuple[Passed, ...]
    unreadable: tuple[tuple[str, str], ...]
    complete: bool
    patch_root: str
    patch: str = ""
    patch_only: bool = False
    tests: bool = False

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.migrate-audit/1"

    @property
    def exit_code(self) -> int:
        """0 where nothing has to change or the changes are told as a patch, 1 otherwise, 3 where not all was read."""
        if not self.complete:
            return 3
        return int(bool(self.line or self.none) and not self.patch_only)
