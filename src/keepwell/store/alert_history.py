"""What was told and what became of it: one line of JSON each, oldest first, in `alerts/history.jsonl`.

A line is written at once and whole; one that a crash tore is passed over. At a size the file is put aside as
`history.1.jsonl`, and what was put aside before it goes: some ten thousand entries are there at any time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from keepwell.store.alert_state import Incident
from keepwell.store.folder import make_private_folder, read_private, state_error

FILE_NAME = "alerts/history.jsonl"
OLD_NAME = "alerts/history.1.jsonl"
#: Bytes of one file: an entry takes half a kilobyte, one with a long diagnosis four.
HISTORY_BYTES = 8 * 1024 * 1024

#: opened: it began to count; the others as `keepwell.alerts.telling.Why`; closed: it is over.
What: TypeAlias = Literal["opened", "new", "more", "again", "over", "past", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened to an incident, with all that was known of it at that moment."""

    at: float
    what: What
    incident: Incident


def add_entries(state: Path, entries: Iterable[Entry]) -> None:
    """Write them at the end. Raises AccessError."""
    content = b"".join(msgspec.json.encode(one) + b"\n" for one in entries)
    if not content:
        return
    path = state / FILE_NAME
    make_private_folder(path.parent)
    try:
        if path.exists() and path.stat().st_size > HISTORY_BYTES:
            path.rename(state / OLD_NAME)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab") as out:
            out.write(b"\n" * _is_torn(path) + content)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise state_error(error, path) from error


def load_entries(state: Path, last: int) -> list[Entry]:
    """The newest, the oldest of them first; what cannot be read is passed over."""
    lines: list[bytes] = []
    for name in (OLD_NAME, FILE_NAME):
        try:
            lines += read_private(state / name, 2 * HISTORY_BYTES).splitlines()
        except (FileNotFoundError, ValueError):
            continue
    found: list[Entry] = []
    for line in reversed(lines):
        if len(found) >= last:
            break
        try:
            found.append(msgspec.json.decode(line, type=Entry))
        except ValueError:
            continue
    return found[::-1]


def _is_torn(path: Path) -> bool:
    """True if the last line has no end: a crash came between."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
