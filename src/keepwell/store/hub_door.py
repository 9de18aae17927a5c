"""Where the hub of a state folder can be asked by commands of its owner: `STATE/hub/door.json`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.core.errors import AccessError
from keepwell.store.folder import read_private, replace_private

#: The file in the state folder, and its bytes at most.
FILE_NAME, DOOR_BYTES = "hub/door.json", 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDoor:
    """The hub's process, its URL on this machine, and the secret to be sent as a bearer token."""

    pid: int
    url: str
    secret: str


def save_hub_door(state: Path, door: HubDoor) -> None:
    """Tell it. Raises AccessError."""
    replace_private(state / FILE_NAME, msgspec.json.encode(door))


def find_hub_door(state: Path) -> HubDoor | None:
    """That of a hub that lives; None where none does."""
    try:
        door = msgspec.json.decode(read_private(state / FILE_NAME, DOOR_BYTES), type=HubDoor)
        os.kill(door.pid, 0)
    except (ValueError, OSError):  # ValueError is also what msgspec raises
        return None
    return door


def remove_hub_door(state: Path) -> None:
    """The hub is going. Raises AccessError."""
    try:
        (state / FILE_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise AccessError(f"cannot be removed: {error.strerror}", where=str(state / FILE_NAME)) from error
