"""Models that were sent out of memory for somebody's device time, and are to come back: written down before they go.

One JSON file in the state folder, for its owner alone. Whoever sends them is killed at any moment: the next one reads
here what is to be loaded again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.errors import DamagedError
from keepwell.store.folder import read_private, replace_private

AWAY_FILE = "devices/away.json"
SCHEMA = "keepwell-away-models/1"
#: Bytes of the file; one model takes some 200.
AWAY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AwayModel:
    """A model of a replica, with what it is loaded by again: for how long it was to stay (seconds, negative for ever),
    its context (0: the engine's choice), the owner's options, and whether it only embeds. `device` is for whose sake it
    went, `at` when (seconds since the epoch), `tries` how often loading it again failed.
    """

    replica: str
    model: str
    device: str
    at: float
    stay_seconds: float = -1.0
    context_tokens: int = 0
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    embeds: bool = False
    tries: int = 0


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    models: tuple[AwayModel, ...]


def load_away(state: Path) -> tuple[AwayModel, ...]:
    """All of them, in the order in which they went; () where there is no file. Raises DamagedError."""
    path = state / AWAY_FILE
    try:
        return msgspec.json.decode(read_private(path, AWAY_BYTES), type=_Document).models
    except FileNotFoundError:
        return ()
    except (ValueError, RecursionError) as error:  # also what msgspec raises
        raise DamagedError(f"models that were unloaded cannot be told: {error}", where=str(path)) from error


def save_away(state: Path, models: Iterable[AwayModel]) -> None:
    """Replace the file atomically and durably; AccessError if it cannot be written."""
    replace_private(state / AWAY_FILE, msgspec.json.encode(_Document(schema=SCHEMA, models=tuple(models))) + b"\n")
