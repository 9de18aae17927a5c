"""Where keepwell keeps its state, and how a file is put there so that a crash leaves the old or the new."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from keepwell.core.errors import AccessError, NotPermitted

#: Where root keeps state: not in its home, which a service often cannot see.
ROOT_FOLDER = Path("/var/lib/keepwell")


def find_state_folder(environment: Mapping[str, str], *, home: Path, root: bool) -> Path:
    """The folder for runs and memory; it need not exist.

    $KEEPWELL_STATE, else $XDG_STATE_HOME/keepwell, else /var/lib/keepwell for root and
    ~/.local/state/keepwell for anybody else. A variable that holds no absolute path is passed over.
    """
    own = environment.get("KEEPWELL_STATE", "")
    if own.startswith("/"):
        return Path(own)
    shared = environment.get("XDG_STATE_HOME", "")
    if shared.startswith("/"):
        return Path(shared) / "keepwell"
    if root:
        return ROOT_FOLDER
    return home / ".local" / "state" / "keepwell"


def make_private_folder(folder: Path) -> None:
    """Make the folder and those above it, new ones for their owner alone; AccessError if it cannot be."""
    try:
        for one in reversed((folder, *folder.parents)):
            if not one.is_dir():
                one.mkdir(mode=0o700, exist_ok=True)
    except PermissionError as error:
        raise state_error(error, folder, NotPermitted) from error
    except OSError as error:
        raise state_error(error, folder) from error


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically and durably, readable by its owner alone; raises OSError."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        beside.rename(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_private(path: Path, most: int) -> bytes:
    """A state file of at most `most` bytes. FileNotFoundError if there is none; ValueError says why it is not used:
    it cannot be read, is too large, or others could have changed it (state holds commands and what is believed).
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(most + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        raise ValueError(f"{path} can be changed by others and is not used")
    if len(content) > most:
        raise ValueError(f"{path} holds more than {most} bytes and is not used")
    return content


def replace_private(path: Path, content: bytes) -> None:
    """Put a state file in its place atomically, mode 0600, its folder made if need be; AccessError if it cannot be."""
    make_private_folder(path.parent)
    try:
        write_private(path, content)
    except OSError as error:
        raise state_error(error, path) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def state_error(error: OSError, path: Path, kind: type[AccessError] = AccessError) -> AccessError:
    """An AccessError about keepwell's own state, with the way out."""
    words = error.strerror or str(error)
    return kind(f"keepwell's state: {words}", where=str(path), hint="set KEEPWELL_STATE to a folder with room")
