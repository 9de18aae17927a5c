"""What the operations on incidents give back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.store.incidents import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReport:
    """One incident: after `did` (opened, noted, closed, looked-again, shown), what follows in `next`, where it lies.

    `taught` are sentences about what the close moved.
    """

    incident: Incident
    did: str
    path: str
    next: str = ""
    taught: tuple[str, ...] = ()
    evidence: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.incident/1"

    @property
    def exit_code(self) -> int:
        """1 when symptoms are back, else 0."""
        return int(self.incident.closing is not None and self.incident.closing.label == "came-back")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One line of the list; `state` is "open", or how good what is known of the cause is; `due_at` is from when a
    second look would confirm it, or None.
    """

    id: str
    what: str
    opened_at: float
    state: str
    cause: str
    fixed_by: str
    due_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsReport:
    """All incidents, newest first, and a sentence for each file that cannot be read."""

    incidents: tuple[IncidentLine, ...]
    problems: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.incidents/1"

    @property
    def exit_code(self) -> int:
        """1 when a file is damaged, else 0."""
        return int(bool(self.problems))
