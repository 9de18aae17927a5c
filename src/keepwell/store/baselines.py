"""Baselines: what healthy lines of each log of a node look like, as far as they were learned.

One JSON file a node, `baselines/NODE.json` in the state folder, for its owner alone. It holds templates only: numbers,
addresses, paths and whatever else varies are stars in them, secrets are masked before. Losing one costs what was
learned; a damaged one reads as empty with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import msgspec

from keepwell.store.folder import read_private, replace_private
from keepwell.store.sights import NAME_CHARACTERS

FOLDER_NAME = "baselines"
SCHEMA = "keepwell-baselines/1"
#: Logs that are kept of a node, those learned last.
LOGS = 64
#: Bytes of a file: some dozens of logs with hundreds of templates each take far less.
BASELINES_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptShape:
    """One shape of lines, as `keepwell.templates.shapes.Shape` has it."""

    text: str
    count: int
    seen: int
    root: int
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBaseline:
    """What is known of one log, as `keepwell.templates.baseline.Baseline` has it."""

    shapes: tuple[KeptShape, ...] = ()
    lines: int = 0
    at: float = 0.0
    end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """Those of a node, by what the log is about (a Ref as text). `problem` says why there are none, or is ""."""

    logs: Mapping[str, KeptBaseline] = field(default_factory=dict)
    problem: str = ""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    logs: dict[str, KeptBaseline]


def load_baselines(folder: Path, node: str) -> Baselines:
    """What was learned of a node; empty with the reason if the file cannot be read or is damaged."""
    path = _path(folder, node)
    try:
        content = read_private(path, BASELINES_BYTES)
    except FileNotFoundError:
        return Baselines(problem="no healthy log was learned before")
    except ValueError as error:
        return Baselines(problem=str(error))
    try:
        return parse_baselines(content)
    except ValueError as error:
        return Baselines(problem=f"{path} is damaged and not used: {error}")


def save_baselines(folder: Path, node: str, baselines: Baselines) -> None:
    """Replace the node's file atomically, mode 0600; AccessError if it cannot be written."""
    replace_private(_path(folder, node), render_baselines(baselines))


def parse_baselines(content: bytes) -> Baselines:
    """The baselines in these bytes; ValueError says what does not fit."""
    try:
        document = msgspec.json.decode(content, type=_Document)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    for name, one in document.logs.items():
        if any(not 0 <= shape.root < len(one.shapes) for shape in one.shapes):
            raise ValueError(f"a shape of {name} belongs to none")
        if any(one.shapes[shape.root].root != shape.root for shape in one.shapes):
            raise ValueError(f"a shape of {name} belongs to one that belongs to another")
    return Baselines(logs=document.logs)


def render_baselines(baselines: Baselines) -> bytes:
    """The bytes of the baselines; `parse_baselines` is the inverse. Of more than LOGS the last learned stay."""
    rows = sorted(baselines.logs.items(), key=_learned, reverse=True)[:LOGS]
    return msgspec.json.encode(_Document(schema=SCHEMA, logs=dict(rows))) + b"\n"


def _learned(row: tuple[str, KeptBaseline]) -> tuple[float, str]:
    return row[1].at, row[0]


def _path(folder: Path, node: str) -> Path:
    """A name that no node's label can lead out of its folder."""
    return folder / FOLDER_NAME / f"{quote(node, safe='')[:NAME_CHARACTERS]}.json"
