"""Incidents: what was wrong, what was seen then, what helped and whether it held.

One folder, `incidents/` in the state folder, for its owner alone. Of each incident: `<id>.json` (the record),
and beside it the evidence, redacted before it came here: `<id>.txt` (what was pasted) or `<id>.kwb` (a bundle).
The evidence is written first, so that a record never speaks of what is not there. A record is replaced whole; a
crash leaves the old or the new. One that is damaged is named and left alone, the others are read as ever.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from keepwell.core.errors import DamagedError, NotThere, RefusedError
from keepwell.store.folder import make_private_folder, read_private, replace_private, state_error

FOLDER = "incidents"
SCHEMA = "keepwell-incident/1"
#: Bytes of one record: notes of a long night, and a diagnosis of a hundred causes.
RECORD_BYTES = 2 * 1024 * 1024
#: Bytes of pasted evidence that are kept: an excerpt; of a longer text its beginning and its end.
TEXT_BYTES = 1024 * 1024
#: Bytes of a bundle that are kept: as much as a bundle may have.
BUNDLE_BYTES = 256 * 1024 * 1024
#: Incidents that are read, newest first: years of a few dozen nodes.
INCIDENTS = 2000
#: Notes of one incident, and characters of what a person writes at once.
NOTES, WORDS_CHARS = 500, 8000

#: What is known of a cause that was named at the close: a person said so; the checks that had been bad were well
#: at the close; they were well again after the soak; they were bad again.
Label: TypeAlias = Literal["said", "well", "confirmed", "came-back"]
#: What an incident was opened from.
Source: TypeAlias = Literal["look", "text", "bundle"]
#: Where a cause stood in the diagnosis: among those that compete, as a further fault, or struck out.
Place: TypeAlias = Literal["ranked", "also", "ruled-out"]

_ID = re.compile(r"i\d{8}-[0-9a-f]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """A finding that was bad when the incident was opened: its check, its subject (a Ref as text), its words."""

    check: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A cause as the diagnosis of the day ranked it; `spoke_for` and `spoke_against` are keys of its evidence that
    fired, `checks` the checks among what spoke for it.
    """

    issue: str
    confidence: float
    place: Place = "ranked"
    spoke_for: tuple[str, ...] = ()
    spoke_against: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a person wrote while the incident was open; `checked` marks a note that tells what was looked at."""

    at: float
    text: str
    checked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relook:
    """A second look at the symptoms: when, whether all were well, and what was said."""

    at: float
    well: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How an incident ended. `relooks` are oldest first; the cause is confirmed when a look at least `soak_seconds`
    after the first one finds the symptoms still well.
    """

    at: float
    cause: str
    fixed_by: str
    label: Label = "said"
    soak_seconds: float = 0.0
    relooks: tuple[Relook, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident. `target` is the word for where to look again ("" this machine), `source` what it was opened
    from; `gist` are the lines that tell most of it, redacted; `checks` are those that came out when it was opened.
    """

    id: str
    what: str
    opened_at: float
    source: Source
    node: str = ""
    target: str = ""
    level: int = 0
    symptoms: tuple[Symptom, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    unknown: float = 1.0
    checks: tuple[str, ...] = ()
    gist: str = ""
    notes: tuple[Note, ...] = ()
    closing: Closing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """All incidents that can be read, newest first, and a sentence for each file that cannot."""

    incidents: tuple[Incident, ...] = ()
    problems: tuple[str, ...] = ()


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    incident: Incident


def make_incident_id(now: float) -> str:
    """A new id that sorts by day: `i20260101-1a2b3c`."""
    return f"i{time.strftime('%Y%m%d', time.gmtime(now))}-{secrets.token_hex(3)}"


def add_incident(folder: Path, incident: Incident, evidence: bytes) -> None:
    """Keep a new incident with its redacted evidence (text or bundle, as its `source` says; b"" for none).

    RefusedError if there is one of this id or it is too large; AccessError when it cannot be written.
    """
    path = _path(folder, incident.id)
    if path.exists():
        raise RefusedError("an incident of this id exists", where=str(path))
    if evidence:
        _require_size(len(evidence), _LARGEST[incident.source], path)
        replace_private(_evidence_path(folder, incident), evidence)
    _save(path, incident)


def change_incident(folder: Path, name: str, change: Callable[[Incident], Incident]) -> Incident:
    """Replace an incident by what `change` makes of it, while no other keepwell changes it; gives the new one.

    Raises NotThere, DamagedError, RefusedError and what `change` raises; then all is as it was.
    """
    with _locked(folder):
        changed = change(load_incident(folder, name))
        _save(_path(folder, name), changed)
    return changed


def load_incident(folder: Path, name: str) -> Incident:
    """One incident. Raises NotThere, RefusedError for what is no id, DamagedError that names the file."""
    path = _path(folder, name)
    try:
        content = read_private(path, RECORD_BYTES)
    except FileNotFoundError as error:
        raise NotThere(f"no incident {name}", where=str(path), hint="keepwell incident list") from error
    except ValueError as error:
        raise DamagedError(str(error), where=str(path)) from error
    try:
        incident = parse_incident(content)
        if incident.id != name:
            raise ValueError(f"it is the record of {incident.id}")
    except ValueError as error:
        raise DamagedError(
            f"not the record of an incident: {error}", where=str(path), hint="its evidence lies beside it"
        ) from error
    return incident


def load_evidence(folder: Path, incident: Incident) -> bytes:
    """The redacted text or bundle of an incident; b"" when it has none. DamagedError when it cannot be used."""
    path = _evidence_path(folder, incident)
    try:
        return read_private(path, _LARGEST[incident.source])
    except FileNotFoundError:
        return b""
    except ValueError as error:
        raise DamagedError(str(error), where=str(path)) from error


def list_incidents(folder: Path) -> Archive:
    """All incidents, newest first; those that cannot be read are named in `problems`."""
    found: list[Incident] = []
    problems: list[str] = []
    for path in sorted((folder / FOLDER).glob("*.json"), reverse=True)[:INCIDENTS]:
        try:
            found.append(load_incident(folder, path.stem))
        except (DamagedError, RefusedError, NotThere) as error:
            problems.append(str(error))
    return Archive(incidents=tuple(sorted(found, key=_newest_first)), problems=tuple(problems))


def add_note(incident: Incident, note: Note) -> Incident:
    """The incident with a note; RefusedError when it holds as many as it may."""
    if len(incident.notes) >= NOTES:
        raise RefusedError(f"{incident.id} holds {NOTES} notes already")
    return replace(incident, notes=(*incident.notes, note))


def get_closing(incident: Incident) -> Closing:
    """How it ended; RefusedError while it is open."""
    if incident.closing is None:
        raise RefusedError(f"{incident.id} is open", hint=f"keepwell incident close {incident.id} --cause CAUSE")
    return incident.closing


def bundle_path(folder: Path, incident: Incident) -> Path | None:
    """Where the incident's bundle lies, None if it has none."""
    path = _evidence_path(folder, incident)
    if incident.source == "text" or not path.is_file():
        return None
    return path


def parse_incident(content: bytes) -> Incident:
    """The incident in these bytes; ValueError says what does not fit."""
    document = msgspec.json.decode(content, type=_Document)
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return document.incident


def render_incident(incident: Incident) -> bytes:
    """The bytes of an incident, indented; `parse_incident` is the inverse."""
    document = _Document(schema=SCHEMA, incident=incident)
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


_LARGEST = {"text": TEXT_BYTES, "look": BUNDLE_BYTES, "bundle": BUNDLE_BYTES}
_SUFFIX = {"text": ".txt", "look": ".kwb", "bundle": ".kwb"}


def _evidence_path(folder: Path, incident: Incident) -> Path:
    return _path(folder, incident.id).with_suffix(_SUFFIX[incident.source])


def _path(folder: Path, name: str) -> Path:
    if not _ID.fullmatch(name):
        raise RefusedError(f"not the id of an incident: {name!r}", hint="keepwell incident list")
    return folder / FOLDER / f"{name}.json"


def _save(path: Path, incident: Incident) -> None:
    content = render_incident(incident)
    _require_size(len(content), RECORD_BYTES, path)
    replace_private(path, content)


def _require_size(size: int, most: int, path: Path) -> None:
    if size > most:
        raise RefusedError(f"{size} bytes are too many to keep, at most {most}", where=str(path))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else changes incidents meanwhile; waits for who does, which takes milliseconds."""
    path = folder / FOLDER / ".lock"
    make_private_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise state_error(error, path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _newest_first(incident: Incident) -> tuple[float, str]:
    return -incident.opened_at, incident.id
