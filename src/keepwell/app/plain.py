"""From result types to plain JSON values: one rule for every face.

Refs become their text form, statuses lower-case words, Missing values `{"missing": kind, "reason": ...}`,
tuples lists, bytes their length. Dataclass fields keep their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.core.errors import KeepwellError
from keepwell.core.hypothesis import Contribution, Hypothesis
from keepwell.core.issue import Evidence
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref


def plain(value: Any) -> Any:
    """The JSON form of any value of the core or of a report."""
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Ref | Path):
        return str(value)
    if isinstance(value, Missing):
        return {"missing": value.kind, "reason": value.reason}
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Contribution):
        return {**_evidence(value.evidence), "weight": value.weight, "quote": value.quote, "source": value.source}
    if is_dataclass(value):
        row = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
        if isinstance(value, Hypothesis):
            row["undecided"] = [_evidence(one) for one in value.undecided]
        return row
    raise TypeError(f"no JSON form for {type(value).__name__}")


def document(report: Any) -> dict[str, Any]:
    """The JSON document of a report: its schema first, then its fields, those of a diagnosis among them."""
    fields_of = plain(report)
    diagnosis = fields_of.pop("diagnosis", {})
    return {"schema": report.schema, "exit_code": report.exit_code, **diagnosis, **fields_of}


def error_document(error: KeepwellError) -> dict[str, Any]:
    """The JSON document of an operation that could not do its work."""
    rows = {"error": error.what, "where": error.where, "command": error.command, "next": error.hint}
    return {"schema": "keepwell.error/1", "exit_code": COULD_NOT_LOOK, "kind": error.kind, **rows}


def _evidence(value: Evidence) -> dict[str, Any]:
    """What a reader of an answer needs of it; the patterns stand in the issue file."""
    return {"say": value.say, "check": value.check, "weight": value.weight}
