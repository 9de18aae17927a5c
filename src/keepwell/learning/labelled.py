"""Labelled incidents: texts whose cause is known, one JSON line each, as figures and fits are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from keepwell.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One incident: what its owner showed, and what it was.

    `thread` tells where it was reported ("owner/repository#7"); incidents of one repository share people and habits,
    so that folds keep them together. `sure` is False where the label or the evidence is thin.
    """

    id: str
    evidence: str
    cause: str
    family: str = ""
    thread: str = ""
    sure: bool = True

    @property
    def repository(self) -> str:
        """What comes before the number of the thread; the incident's own id where there is none."""
        return (self.thread or self.id).split("#")[0].lower()


def parse_labelled(lines: Iterable[str], name: str = "incidents") -> list[Labelled]:
    """The incidents of a file of JSON lines with id, evidence and cause, and if known family, thread and strict.

    Raises ConfigurationError that names the line where one is no such thing.
    """
    found: list[Labelled] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.append(
                Labelled(
                    id=str(row["id"]),
                    evidence=str(row["evidence"]),
                    cause=str(row["cause"]),
                    family=str(row.get("family", "")),
                    thread=str(row.get("thread", "")),
                    sure=bool(row.get("strict", True)),
                )
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                f"{name}:{number}: no labelled incident: {error!r}",
                hint='each line is {"id": "...", "evidence": "...", "cause": "..."}',
            ) from error
    if not found:
        raise ConfigurationError(f"{name}: holds no incident", hint="one JSON line each: id, evidence, cause")
    return found
