"""What people said to alerts: "I know" (acknowledged), and "this is being worked on" (maintenance).

`alerts/desk.json` in the state folder: commands write it, the hub reads it again when it changed. One writer at a time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.errors import DamagedError, RefusedError
from keepwell.store.folder import make_private_folder, read_private, replace_private, state_error

FILE_NAME = "alerts/desk.json"
SCHEMA = "keepwell-alert-desk/1"
#: Bytes of the file.
DESK_BYTES = 1024 * 1024
#: Entries of either kind; older acknowledgements are let go, of maintenance no more is taken.
ENTRIES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Somebody knows of an incident: when, who, and what they wrote."""

    at: float
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """Somebody works on `subject` (a Ref as text) and all that depends on it, from when until when (seconds since the
    epoch; `until` 0: until it is ended).
    """

    subject: str
    since: float
    until: float = 0.0
    by: str = ""
    why: str = ""

    def holds(self, now: float) -> bool:
        """True while it lasts."""
        return self.since <= now and (not self.until or now < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All of it; `acks` by the id of the incident."""

    acks: Mapping[str, Ack] = field(default_factory=dict)
    maintenance: tuple[Maintenance, ...] = ()


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    desk: Desk


def load_desk(state: Path) -> Desk:
    """What was said; nothing where there is no file. Raises DamagedError."""
    path = state / FILE_NAME
    try:
        document = msgspec.json.decode(read_private(path, DESK_BYTES), type=_Document)
    except FileNotFoundError:
        return Desk()
    except ValueError as error:  # also what msgspec raises
        raise DamagedError(f"what was said to alerts cannot be read: {error}", where=str(path)) from error
    return document.desk


def change_desk(state: Path, change: Callable[[Desk], Desk]) -> Desk:
    """Replace it by what `change` makes of it, while nobody else does; gives the new one.

    Raises AccessError, DamagedError, RefusedError and what `change` raises; then all is as it was.
    """
    with _locked(state):
        changed = change(load_desk(state))
        if len(changed.maintenance) > ENTRIES:
            raise RefusedError(f"{ENTRIES} things are in maintenance already", hint="keepwell alerts maintenance")
        kept = dict(sorted(changed.acks.items(), key=_age)[-ENTRIES:])
        changed = Desk(acks=kept, maintenance=changed.maintenance)
        content = msgspec.json.encode(_Document(schema=SCHEMA, desk=changed))
        replace_private(state / FILE_NAME, content)
    return changed


def _age(entry: tuple[str, Ack]) -> float:
    return entry[1].at


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    path = (state / FILE_NAME).with_name(".desk.lock")
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
