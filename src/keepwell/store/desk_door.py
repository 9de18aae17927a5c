"""Where the desk is, and by what the gateway and it know each other: `STATE/desk/door.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.core.errors import AccessError, DamagedError
from keepwell.store.folder import read_private, replace_private

#: The file in the state folder, and its bytes at most.
DESK_DOOR_FILE, DOOR_BYTES = "desk/door.json", 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskDoor:
    """The port on 127.0.0.1, and the secret: the gateway shows it at the desk, the desk at the gateway."""

    port: int
    secret: str


def save_desk_door(state: Path, door: DeskDoor) -> None:
    """Tell it. Raises AccessError."""
    replace_private(state / DESK_DOOR_FILE, msgspec.json.encode(door))


def load_desk_door(state: Path) -> DeskDoor | None:
    """Where it is, None where none is kept. Raises DamagedError."""
    path = state / DESK_DOOR_FILE
    try:
        return msgspec.json.decode(read_private(path, DOOR_BYTES), type=DeskDoor)
    except FileNotFoundError:
        return None
    except ValueError as error:  # also what msgspec raises
        raise DamagedError(f"this does not tell where the desk is: {error}", where=str(path)) from error


def remove_desk_door(state: Path) -> None:
    """Nobody keeps it any more. Raises AccessError."""
    try:
        (state / DESK_DOOR_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise AccessError(f"cannot be removed: {error.strerror}", where=str(state / DESK_DOOR_FILE)) from error
