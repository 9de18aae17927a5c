"""What the operations about model stores give back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.conform.models.judge import Fault
from keepwell.core.finding import Status

_EXIT_CODES = {Status.OK: 0, Status.UNKNOWN: 1, Status.WARNING: 1, Status.CRITICAL: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedStore:
    """One store: how many models, files and bytes it holds, how many bytes were read, its faults, worst first.

    `can_go` of them `models clean` would set aside; `fetch` are commands that bring back what models only lack.
    `unseen` says why nothing of it could be looked at, "" where it could.
    """

    engine: str
    title: str
    folder: str
    models: int = 0
    files: int = 0
    bytes_taken: int = 0
    bytes_read: int = 0
    faults: tuple[Fault, ...] = ()
    can_go: int = 0
    fetch: tuple[str, ...] = ()
    unseen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """The answer of `models verify`: `read_seconds` is the time in which all bytes were read, on `cores` cores."""

    stores: tuple[VerifiedStore, ...]
    read_seconds: float
    cores: int

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.models-verify/1"

    @property
    def exit_code(self) -> int:
        """2 when a model does not work, 1 when something is left over or cannot be read, 3 when no store was seen."""
        if all(one.unseen for one in self.stores):
            return COULD_NOT_LOOK
        return max((_EXIT_CODES[fault.status] for one in self.stores for fault in one.faults), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLine:
    """A model of a store: its files, their bytes, and how many of these other models need too; the kinds of its faults
    as far as sizes tell them.
    """

    engine: str
    folder: str
    model: str
    files: int
    bytes_taken: int
    bytes_shared: int
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsReport:
    """The answer of `models list`: every model of every store, and the stores that could not be looked at, and why."""

    models: tuple[ModelLine, ...]
    unseen: tuple[tuple[str, str], ...]
    stores: int

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.models-list/1"

    @property
    def exit_code(self) -> int:
        """0, or 3 when no store was seen."""
        return COULD_NOT_LOOK * (not self.stores)
