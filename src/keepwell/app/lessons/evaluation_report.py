"""The answer of `keepwell issues evaluate`."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.learning.comparing import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """How well labelled incidents are answered, by each way that was compared; the first is what is shipped.

    `written` names the files of the reliability diagram.
    """

    path: str
    incidents: int
    folds: int
    ways: tuple[Way, ...]
    written: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.evaluation/1"

    @property
    def exit_code(self) -> int:
        """Always 0: a figure is no fault."""
        return 0
