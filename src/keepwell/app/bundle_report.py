"""What `keepwell collect` and `keepwell bundle` give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A member of a bundle: its name, its size, and in words what it is."""

    name: str
    bytes: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedRow:
    """How often things of one kind were masked in one place (a path, a command, a request)."""

    place: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A bad finding as the bundle keeps it, all as text."""

    check: str
    subject: str
    status: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleReport:
    """A bundle: where it lies ("" when it was not written), how large it is and what is in it.

    `masked` counts by kind; `places` are those where something was masked now (`collect`) or by the list in the
    bundle. `causes` are issue and confidence, likeliest first.
    """

    path: str
    bytes: int
    node: str
    keepwell: str
    recorded_at: float
    level: int
    seconds: float
    names_masked: bool
    members: tuple[MemberRow, ...]
    masked: Mapping[str, int]
    places: tuple[MaskedRow, ...]
    findings: tuple[FindingRow, ...] = ()
    causes: tuple[tuple[str, float], ...] = ()
    made: bool = False
    dry_run: bool = False
    schema: str = "keepwell.bundle/1"
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReport:
    """One member of a bundle, as text (broken UTF-8 replaced)."""

    path: str
    member: str
    text: str
    schema: str = "keepwell.bundle-member/1"
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """One thing in which two bundles differ; "" where one has nothing of it."""

    kind: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleDifference:
    """Two bundles and in what they differ; exit code 1 if in anything."""

    before: str
    after: str
    rows: tuple[DifferenceRow, ...]
    left_out: int = 0
    schema: str = "keepwell.bundle-difference/1"

    @property
    def exit_code(self) -> int:
        """0 alike, 1 different."""
        return int(bool(self.rows))
