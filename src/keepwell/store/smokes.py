"""Smoke tests: what each question came out as, a file a test, so that a later one can be held against it.

`smokes/ID.json` in the state folder, for its owner alone. The oldest are dropped beyond a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.errors import DamagedError, NotThere, RefusedError
from keepwell.store.folder import read_private, replace_private, state_error

FOLDER_NAME = "smokes"
SUFFIX = ".json"
SCHEMA = "keepwell-smoke/1"
#: Tests that are kept: one a night for over half a year.
KEPT = 200
#: Bytes of one file; a test of ten models takes about 20 KB. Rows of one.
FILE_BYTES, ROWS = 4 * 1024 * 1024, 10_000

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeRow:
    """One question: its check, about what (a Ref as text; `case` tells apart several about one), how it came out (ok,
    unknown, warning, critical), the sentence, seconds that it took (-1: not timed), and the word for what was found.
    """

    check: str
    subject: str
    status: str
    message: str
    seconds: float = -1.0
    kind: str = ""
    case: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSmoke:
    """One test: of what ("" is this machine), when (seconds since the epoch), its questions. `kind` is smoke or guard;
    `about` are names and values that make two tests comparable.
    """

    id: str
    at: float
    seconds: float
    target: str = ""
    kind: str = "smoke"
    comprehensive: bool = False
    about: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[SmokeRow, ...] = ()


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    smoke: KeptSmoke


class _Found(msgspec.Struct):
    """A finding as a report of `--json` has it."""

    check: str
    subject: str
    status: str
    message: str
    facts: dict[str, str] = {}


class _Report(msgspec.Struct):
    """What `--json` gives, as far as it is compared."""

    schema: str
    kind: str
    at: float
    seconds: float
    target: str
    comprehensive: bool
    findings: tuple[_Found, ...]
    kept: str = ""


def save_smoke(folder: Path, smoke: KeptSmoke) -> tuple[str, ...]:
    """Keep a test, durable when this returns; ids of those that were dropped to make room. AccessError if it cannot
    be written.
    """
    replace_private(_path(folder, smoke.id), render_smoke(smoke))
    return _make_room(folder, smoke.id)


def load_smoke(folder: Path, name: str) -> KeptSmoke:
    """The test of this id. Raises NotThere, RefusedError for what is no id, DamagedError."""
    path = _path(folder, name)
    try:
        return parse_smoke(read_private(path, FILE_BYTES))
    except FileNotFoundError as error:
        raise NotThere(f"no smoke test {name} is kept", where=str(path)) from error
    except ValueError as error:
        raise DamagedError(str(error), where=str(path), hint="move the file away") from error


def list_ids(folder: Path) -> tuple[str, ...]:
    """Ids of all that are kept, oldest first; they sort by time."""
    found = (path.name.removesuffix(SUFFIX) for path in (folder / FOLDER_NAME).glob(f"*{SUFFIX}"))
    return tuple(sorted(one for one in found if _ID.fullmatch(one)))


def parse_smoke(content: bytes) -> KeptSmoke:
    """The test in these bytes; ValueError says what does not fit."""
    try:
        document = msgspec.json.decode(content, type=_Document)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    if len(document.smoke.rows) > ROWS:
        raise ValueError(f"it has more than {ROWS} rows")
    return document.smoke


def read_report(content: bytes) -> KeptSmoke:
    """The test in a file: one that was kept, or the answer of `--json`. ValueError says what does not fit."""
    if len(content) > FILE_BYTES:
        raise ValueError(f"it has more than {FILE_BYTES} bytes")
    try:
        return parse_smoke(content)
    except msgspec.ValidationError:
        pass
    try:
        report = msgspec.json.decode(content, type=_Report)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if report.schema != f"keepwell.{report.kind}/1":
        raise ValueError(f"its schema is {report.schema!r}")
    return KeptSmoke(
        id=report.kept or f"a file of {report.kind}",
        at=report.at,
        seconds=report.seconds,
        target=report.target,
        kind=report.kind,
        comprehensive=report.comprehensive,
        rows=tuple(_row(one) for one in report.findings[:ROWS]),
    )


def find_seconds(facts: Mapping[str, str]) -> float:
    """How long a question took, by the facts of its finding; -1 where it was not timed."""
    try:
        return float(facts.get("seconds", "-1"))
    except ValueError:
        return -1.0


def _row(one: _Found) -> SmokeRow:
    return SmokeRow(
        check=one.check,
        subject=one.subject,
        status=one.status,
        message=one.message,
        seconds=find_seconds(one.facts),
        kind=one.facts.get("kind", ""),
        case=one.facts.get("case", ""),
    )


def render_smoke(smoke: KeptSmoke) -> bytes:
    """The bytes of a test; `parse_smoke` is the inverse."""
    return msgspec.json.encode(_Document(schema=SCHEMA, smoke=smoke)) + b"\n"


def _make_room(folder: Path, newest: str) -> tuple[str, ...]:
    names = [one for one in list_ids(folder) if one != newest]
    dropped: list[str] = []
    for name in names[: max(0, len(names) + 1 - KEPT)]:
        path = _path(folder, name)
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise state_error(error, path) from error
        dropped.append(name)
    return tuple(dropped)


def _path(folder: Path, name: str) -> Path:
    if not _ID.fullmatch(name):
        raise RefusedError(f"not the id of a smoke test: {name!r}", hint="keepwell compare last-1 last")
    return folder / FOLDER_NAME / f"{name}{SUFFIX}"
